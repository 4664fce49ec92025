"""Identifiers: random ones differ, derived ones are the same everywhere."""

from hypothesis import given
from hypothesis import strategies as st

from livermore.kernel.ids import derived_id, new_id, new_secret

parts = st.lists(
    st.one_of(st.integers(), st.text(alphabet="ab:|/-", max_size=4), st.none()), min_size=1, max_size=5
)


def test_a_derived_id_is_the_same_on_every_machine() -> None:
    assert (
        derived_id("sub", "binance", "BTCUSDT", "5m", 0, "level", -150) == "1a923cc0ec45d8d5acb6ca109d0d3946"
    )


@given(parts, parts)
def test_derived_ids_are_equal_only_for_equal_parts(one: list[object], other: list[object]) -> None:
    assert (derived_id(*one) == derived_id(*other)) is (list(map(str, one)) == list(map(str, other)))


def test_parts_do_not_run_into_each_other() -> None:
    assert derived_id("BTC", "5m") != derived_id("BT", "C5m")
    assert len(derived_id("x")) == 32


def test_random_ids_and_secrets_differ() -> None:
    assert len({new_id() for _ in range(100)}) == 100
    assert len({new_secret() for _ in range(100)}) == 100
    assert len(new_secret()) >= 43
