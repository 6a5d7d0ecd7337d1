"""Keep the best few of a tile of scores, row by row."""

from imscope.core.jit import njit


@njit("void(f4[:, ::1], i4[::1], i4[::1], i4[::1], f4[:, ::1], i4[:, ::1])")
def keep_best(scores, rows, columns, own, best, index):  # type: ignore[no-untyped-def]
    """Insert a tile of scores into sorted lists of the best so far.

    ``scores[i, j]`` (larger is nearer) is cell ``columns[j]`` as seen from query ``rows[i]``, whose
    list is ``best[rows[i]]`` (descending) and ``index[rows[i]]``; cell ``own[rows[i]]`` is the
    query itself and is left out. Equal scores keep the order in which they came.
    """
    width = scores.shape[1]
    depth = best.shape[1]
    for i in range(scores.shape[0]):
        row = rows[i]
        me = own[row]
        worst = best[row, depth - 1]
        for low in range(0, width, 64):
            high = min(low + 64, width)
            news = False
            for j in range(low, high):  # without a branch it vectorises; most hold nothing new
                news |= scores[i, j] > worst
            if not news:
                continue
            for j in range(low, high):
                score = scores[i, j]
                if score > worst and columns[j] != me:
                    place = depth - 1
                    while place > 0 and best[row, place - 1] < score:
                        best[row, place] = best[row, place - 1]
                        index[row, place] = index[row, place - 1]
                        place -= 1
                    best[row, place] = score
                    index[row, place] = columns[j]
                    worst = best[row, depth - 1]
