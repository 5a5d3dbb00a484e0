from click.testing import CliRunner

from goimbus.__main__ import main


def test_help_lists_the_commands_by_the_files_there_are() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "up  " in result.output
    assert "Run everything on this machine" in result.output


def test_an_unknown_command_is_told() -> None:
    result = CliRunner().invoke(main, ["nosuch"])
    assert result.exit_code == 2
    assert "No such command 'nosuch'" in result.output
