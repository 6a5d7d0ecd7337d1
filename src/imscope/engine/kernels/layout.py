"""Stochastic gradient steps that lay out a graph in two dimensions."""

import math

import numpy as np

from imscope.core.jit import njit


@njit("void(i4[::1], i4[::1], f4[::1], f4[:, ::1], f4[::1], f4[::1], f8[:, ::1], i8, i8, i8, i8)")
def run_epochs(  # type: ignore[no-untyped-def]
    heads, tails, gaps, place, pull, push, due, first, last, n_epochs, state
):
    """Move cells along edges and away from random others, epoch after epoch.

    ``gaps[e]`` is the number of epochs between two uses of edge ``e`` and ``due[:, e]`` when it and
    its repulsion are next used. ``pull`` and ``push`` hold the force per unit of difference at
    distances of 1/256; the last of ``push`` is zero and stands for all beyond.
    """
    n = place.shape[0]
    size = pull.shape[0]
    last_slot = size - 1
    for epoch in range(first, last):
        rate = 1.0 - epoch / n_epochs
        for e in range(heads.shape[0]):
            if due[0, e] > epoch:
                continue
            i = heads[e]
            j = tails[e]
            x = place[i, 0] - place[j, 0]
            y = place[i, 1] - place[j, 1]
            d = math.sqrt(x * x + y * y)
            slot = int(d * 256.0)
            # beyond the table attraction is 2b / d^2 to all digits that matter
            force = pull[slot] if slot < size else pull[size - 1] * (size / 256.0 / d) ** 2
            x = min(max(force * x, -4.0), 4.0) * rate
            y = min(max(force * y, -4.0), 4.0) * rate
            place[i, 0] += x
            place[i, 1] += y
            place[j, 0] -= x
            place[j, 1] -= y
            due[0, e] += gaps[e]
            n_away = int((epoch - due[1, e]) * 5.0 / gaps[e])
            x0 = place[i, 0]
            y0 = place[i, 1]
            along = np.float32(
                0.0
            )  # all steps away start from one place, so none waits for another
            across = np.float32(0.0)
            for _ in range(n_away):
                state = (state * 6364136223846793005 + 1442695040888963407) & 0x7FFFFFFFFFFFFFFF
                k = ((state >> 32) * n) >> 31
                x = x0 - place[k, 0]
                y = y0 - place[k, 1]
                slot = min(int(math.sqrt(x * x + y * y) * 256.0), last_slot)
                force = push[slot]
                along += min(max(force * x, -4.0), 4.0)
                across += min(max(force * y, -4.0), 4.0)
            place[i, 0] = x0 + along * rate
            place[i, 1] = y0 + across * rate
            due[1, e] += n_away * gaps[e] / 5.0
