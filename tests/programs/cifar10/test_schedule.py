import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from programs.cifar10.schedule import learning_rates


def test_he_et_al_divide_by_ten_after_32k_and_48k_of_64k_steps() -> None:
    rates = learning_rates("step", 0.1, 64_000, 0)
    assert [rates[at] for at in (0, 31_999, 32_000, 47_999, 48_000, 63_999)] == pytest.approx(
        [0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    )


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "step"])
def test_the_warm_up_climbs_in_a_straight_line_to_the_peak(name: str) -> None:
    rates = learning_rates(name, 0.4, 100, 8)
    assert rates[:8] == pytest.approx([0.05 * k for k in range(1, 9)])
    assert max(rates) == rates[8] == 0.4


def test_linear_falls_evenly_and_reaches_zero_after_the_last_step() -> None:
    rates = learning_rates("linear", 0.4, 12, 2)
    assert rates[2:] == pytest.approx([0.4 * (10 - k) / 10 for k in range(10)])


def test_cosine_is_half_way_down_half_way_through() -> None:
    rates = learning_rates("cosine", 0.4, 22, 2)
    assert rates[12] == pytest.approx(0.2)
    assert 0 < rates[-1] < 0.01
    assert rates[2:] == sorted(rates[2:], reverse=True)


def test_constant_stays() -> None:
    assert set(learning_rates("constant", 0.1, 50, 0)) == {0.1}


def test_he_et_als_places_are_counted_from_the_start_with_a_warm_up_too() -> None:
    rates = learning_rates("step", 0.1, 640, 40)
    assert [rates[at] for at in (39, 40, 319, 320, 479, 480, 639)] == pytest.approx(
        [0.1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001]
    )


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(("constant", "linear", "cosine", "step")),
    st.floats(1e-6, 10),
    st.integers(1, 500),
    st.integers(0, 600),
)
def test_a_rate_climbs_to_its_peak_and_never_again(name: str, peak: float, steps: int, warmup: int) -> None:
    rates = learning_rates(name, peak, steps, warmup)
    top = min(max(warmup - 1, 0), steps - 1)
    assert len(rates) == steps and all(0 < rate <= peak for rate in rates)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    if warmup <= steps:
        assert max(rates) == pytest.approx(peak)


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "step"])
@pytest.mark.parametrize(("steps", "warmup"), [(1, 0), (1, 1), (3, 3), (2, 5)])
def test_every_step_has_a_positive_rate_however_short_the_training(name: str, steps: int, warmup: int) -> None:
    rates = learning_rates(name, 0.1, steps, warmup)
    assert len(rates) == steps
    assert all(0 < rate <= 0.1 for rate in rates)
