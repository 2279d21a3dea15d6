import pytest

from projects.kmax.report.calibration import Calibration


def test_expected_calibration_error():
    """Worked by hand: two bins of 2 and 3 segments, |0.3 - 0.5| and |0.9 - 2/3|."""
    first = Calibration.of([(0.31, True), (0.32, False), (0.9, True)])
    first.add(Calibration.of([(0.95, True), (1.0, False)]))
    assert first.segments.tolist() == [0, 0, 0, 2, 0, 0, 0, 0, 0, 3]
    expected = (2 * abs(0.315 - 0.5) + 3 * abs(0.95 - 2 / 3)) / 5
    assert first.error() == pytest.approx(expected)
    assert Calibration.of([]).error() == 0


def test_perfect_scores_have_no_error():
    assert Calibration.of([(1.0, True), (0.0, False)]).error() == 0
