import pytest

from bus.environment import Environment, Secret
from bus.errors import SettingsRefused


def refused(environment: Environment) -> list[str]:
    with pytest.raises(SettingsRefused) as caught:
        environment.check()
    return caught.value.problems


def test_values_come_with_their_types() -> None:
    environment = Environment(
        {"A": "text", "B": "7", "C": "1.5", "D": "yes", "E": "a, b,,c ", "F": "OFF"}
    )
    assert environment.text("A") == "text"
    assert environment.integer("B", 1) == 7
    assert environment.number("C", 1) == 1.5
    assert environment.flag("D") is True
    assert environment.flag("F", True) is False
    assert environment.texts("E") == ("a", "b", "c")
    assert environment.check() is environment


def test_what_is_unset_or_empty_has_its_default() -> None:
    environment = Environment({"A": ""})
    assert environment.text("A", "default") == "default"
    assert environment.integer("B", 4) == 4
    assert environment.number("C", 0.5) == 0.5
    assert environment.flag("A", True) is True
    assert environment.texts("A", ("x",)) == ("x",)
    assert environment.secret("B") == ""
    environment.check()


def test_all_problems_are_told_at_once_with_their_variables() -> None:
    environment = Environment({"A": "x", "B": "99", "C": "1.5", "D": "perhaps", "E": "blue"})
    environment.number("A", 1)
    environment.integer("B", 1, most=10)
    environment.integer("C", 1)
    environment.flag("D")
    environment.text("E", "red", ("red", "green"))
    environment.refuse("F", "is missing")
    assert refused(environment) == [
        "A must be a number, not 'x'",
        "B must be 0 to 10, not 99",
        "C must be a whole number, not 1.5",
        "D must be true or false, not 'perhaps'",
        "E must be one of red, green, not 'blue'",
        "F is missing",
    ]


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e400"])
def test_what_is_no_finite_number_is_refused(value: str) -> None:
    environment = Environment({"A": value, "B": value})
    assert environment.number("A", 1) == 1
    assert environment.integer("B", 1) == 1
    assert len(refused(environment)) == 2


def test_a_secret_is_a_text_that_prints_as_stars() -> None:
    secret = Environment({"KEY": "hush"}).secret("KEY")
    assert secret == "hush"
    assert repr(secret) == "'***'"
    assert repr([secret]) == "['***']"
    assert repr(Secret("")) == "''"
