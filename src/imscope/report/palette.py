"""Colours that stay apart for colour-blind readers, and in grey.

Few classes take the set of Okabe and Ito (2008); more classes take a list grown from it by always
adding the colour farthest (in OKLab) from all earlier ones as seen with normal vision and with
simulated protanopia, deuteranopia and tritanopia (Machado 2009, doi:10.1109/TVCG.2009.113).
"""

FEW = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000",
)  # fmt: skip
"""Okabe and Ito; yellow and black last: faint on white, and easily taken for text."""

MANY = (
    *FEW,
    "#552200", "#0000AA", "#11EEEE", "#884444", "#9966FF", "#BBBB99", "#7700EE", "#553366",
    "#BB2288", "#BBDD88", "#0044BB", "#772233", "#BB0000", "#66CCFF", "#EE00CC", "#441177",
)  # fmt: skip
"""Up to 24 classes; beyond that colours repeat, and only name and number tell classes apart."""

SEQUENTIAL = (
    "#FEE838", "#E1CC55", "#C3B369", "#A59C74", "#8A8678",
    "#707173", "#575D6D", "#3B496C", "#123570", "#00224E",
)  # fmt: skip
"""Cividis (Nunez 2018, doi:10.1371/journal.pone.0199239) at equal steps.

Light to dark: on white, more is darker.
"""

INK, MUTED, RULE, LIMIT = "#1a1a1a", "#595959", "#d0d0d0", "#A63C00"


def colour(index: int) -> str:
    """Return the colour of a class by its position.

    Examples
    --------
    >>> colour(0), colour(24) == colour(0)
    ('#0072B2', True)
    """
    return MANY[index % len(MANY)]


def ink_on(background: str) -> str:
    """Choose black or white text, whichever has the better contrast (WCAG 2 luminance).

    Examples
    --------
    >>> ink_on("#F0E442"), ink_on("#552200")
    ('#000000', '#ffffff')
    """
    parts = [int(background[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b
    return "#ffffff" if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else "#000000"
