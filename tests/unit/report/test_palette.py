"""Colours stay apart, also for colour-blind readers."""

import itertools

import numpy as np

from imscope.report.palette import FEW, MANY, SEQUENTIAL, ink_on

# Machado, Oliveira and Fernandes (2009), severity 1; rows act on linear RGB
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
}  # fmt: skip


def linear(hexes):
    c = np.array([[int(h[i : i + 2], 16) / 255 for i in (1, 3, 5)] for h in hexes])
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    to_lms = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                       [0.2119034982, 0.6806995451, 0.1073969566],
                       [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
    to_lab = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                       [1.9779984951, -2.4285922050, 0.4505937099],
                       [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip
    return np.cbrt(np.clip(rgb, 0, 1) @ to_lms.T) @ to_lab.T


def closest(hexes):
    rgb = linear(hexes)
    pairs = itertools.combinations(range(len(hexes)), 2)
    labs = [oklab(rgb @ np.array(m).T) for m in SIGHT.values()]
    return min(np.linalg.norm(lab[i] - lab[j]) for i, j in pairs for lab in labs)


def test_classes_can_be_told_apart_by_every_reader():
    assert closest(FEW) > 0.07
    assert closest(MANY) > 0.065
    assert len(set(MANY)) == 24


def test_values_run_from_light_to_dark():
    lightness = oklab(linear(SEQUENTIAL))[:, 0]
    assert (np.diff(lightness) < -0.03).all()


def test_words_on_a_colour_can_be_read():
    def luminance(h):
        return float(linear([h])[0] @ [0.2126, 0.7152, 0.0722])

    for colour in MANY:
        a, b = sorted((luminance(colour), luminance(ink_on(colour))))
        assert (b + 0.05) / (a + 0.05) >= 4.5
