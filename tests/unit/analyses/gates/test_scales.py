import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imscope.analyses.gates.scales import Asinh, Logicle
from imscope.core.errors import UsageError

VALUES = [-500.0, -10.0, 0.0, 1.0, 100.0, 1000.0, 1e4, 2e5]
# positions by FlowUtils 1.2.2, a C implementation of the same curve
TRUSTED = {
    (262144, 0.5, 4.5, 0): [-0.158796963814, 0.0999179465448, 0.111111111111, 0.112231532149,
                            0.21318108753, 0.454337576172, 0.683832657227, 0.973874421632],
    (1000, 1, 4, 0): [-0.423449252856, 0.0675741986823, 0.25, 0.27124838418,
                      0.739547650948, 1.0, 1.25125374504, 1.57665818862],
    (262144, 0.5, 4.5, 1): [0.0518933932428, 0.263569228991, 0.272727272727, 0.273643980849,
                            0.356239071616, 0.553548925959, 0.74131762864, 0.97862452679],
    (10000, 1, 4.5, 0.5): [-0.133860989943, 0.247489312474, 0.3, 0.3053370776,
                           0.574328370194, 0.797042573154, 1.0, 1.26056517481],
}  # fmt: skip
PARAMETERS = st.tuples(
    st.floats(100, 1e7), st.floats(0.05, 2), st.floats(4.2, 6), st.floats(0, 1)
).filter(lambda p: p[3] <= p[2] - 2 * p[1])


@pytest.mark.parametrize("parameters", list(TRUSTED))
def test_agrees_with_a_trusted_library(parameters):
    got = Logicle(*parameters).forward(VALUES)
    np.testing.assert_allclose(got, TRUSTED[parameters], rtol=1e-10)


@pytest.mark.parametrize("parameters", [(262144, 0.5, 4.5, 0), (262144, 0.5, 4.5, 1)])
def test_negative_values_mirror_positive_ones(parameters):
    scale = Logicle(*parameters)
    v = np.array([0.5, 10, 500, 3000])
    np.testing.assert_allclose(
        scale.forward(-v) - scale.zero, -(scale.forward(v) - scale.zero), rtol=1e-12
    )


@given(PARAMETERS)
def test_identities_of_the_definition(parameters):
    top, linear, decades, negative = parameters
    scale = Logicle(*parameters)
    a, b, c, d, f = scale.coefficients()
    zero = (linear + negative) / (decades + negative)
    assert math.isclose(scale.forward(top), 1.0, rel_tol=1e-9)  # the top is shown at 1
    assert math.isclose(scale.forward(0.0), zero, rel_tol=1e-9)
    assert math.isclose(b, (decades + negative) * math.log(10), rel_tol=1e-12)
    at_zero = a * math.exp(b * zero) - c * math.exp(-d * zero) + f
    assert abs(at_zero) < 1e-6 * top
    curvature = a * b**2 * math.exp(b * zero) - c * d**2 * math.exp(-d * zero)
    slope = a * b * math.exp(b * zero) + c * d * math.exp(-d * zero)
    assert abs(curvature) < 1e-6 * slope * b  # straight where the data are 0


@given(PARAMETERS, st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20))
def test_there_and_back(parameters, values):
    scale = Logicle(*parameters)
    x = scale.forward(values)
    np.testing.assert_allclose(scale.backward(x), values, rtol=1e-7, atol=1e-9 * scale.top)
    order = np.argsort(values)
    assert (np.diff(x[order]) >= 0).all()


@pytest.mark.parametrize(
    "bad", [(0, 0.5, 4.5, 0), (1e5, 3, 4.5, 0), (1e5, -1, 4.5, 0), (1e5, 0.5, 4.5, 9),
            (math.nan, 0.5, 4.5, 0)],
)  # fmt: skip
def test_impossible_parameters_are_named(bad):
    with pytest.raises(UsageError, match="logicle") as error:
        Logicle(*bad)
    assert error.value.code == "E-FLOW-SCALE"


def test_asinh_is_the_textbook():
    y = np.array([-300.0, 0.0, 150.0, 1e5])
    want = np.log(y / 150 + np.sqrt((y / 150) ** 2 + 1))
    np.testing.assert_allclose(Asinh(150).forward(y), want)
    with pytest.raises(UsageError):
        Asinh(0)
    with pytest.raises(UsageError):
        Logicle().forward([np.inf])
