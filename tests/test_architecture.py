"""The rules of the house that a machine can check: who imports whom, sizes, names, where I/O is."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent
SERVICES = ("gateway", "auth", "router", "store")
PACKAGES = (*SERVICES, "bus", "schemas", "goimbus", "bench", "conformance")
MAY_IMPORT = {
    "schemas": {"schemas"},
    "bus": {"bus", "schemas"},
    "goimbus": {"goimbus", "bus", "schemas"},
    "bench": {"bench", "goimbus", "schemas"},
    "conformance": {"conformance", "gateway", "goimbus", "bus", "schemas"},
} | {service: {service, "bus", "schemas"} for service in SERVICES}
# The Python client runs where there is no bus; these are the rest of goimbus.
GOIMBUS_ON_THE_BUS = (
    *("commands/", "addresses.py", "asking.py", "brief_bus.py", "doctor_checks.py", "part.py"),
    "up_settings.py",
)

DECIDING = (
    "gateway/session.py",
    "gateway/bodies.py",
    "gateway/hub.py",
    "gateway/fanout.py",
    "gateway/rates.py",
    "gateway/send_to.py",
    "gateway/sends.py",
    "gateway/asks.py",
    "auth/tokens.py",
    "auth/account.py",
    "auth/codes.py",
    "auth/directory.py",
    "auth/issuing.py",
    "auth/logins.py",
    "auth/names.py",
    "auth/revocations.py",
    "auth/slowing.py",
    "router/admission.py",
    "router/recent_ids.py",
    "router/verdicts.py",
    "router/rooms.py",
    "router/room_fields.py",
    "router/room_views.py",
    "store/cache.py",
    "store/replay.py",
    "store/index.py",
    "store/conversations.py",
    "store/last_sent.py",
    "store/history.py",
    "store/unread.py",
)
INPUT_AND_OUTPUT = {"asyncio", "nats", "redis", "socket", "subprocess", "threading", "uvloop"}

GENERATED = ("schemas/messages_pb2.py",)
MOST_LINES = 400
MOST_LINES_OF_A_MAIN = 60
MOST_LINES_OF_A_FUNCTION = 60


def files(*folders: str) -> list[str]:
    """Return the Python files below these folders, without generated ones."""
    paths = (path for folder in folders for path in (CHECKOUT / folder).rglob("*.py"))
    return sorted({str(path.relative_to(CHECKOUT)) for path in paths} - set(GENERATED))


def tree_of(file: str) -> ast.Module:
    return ast.parse((CHECKOUT / file).read_text())


def imports_of(file: str) -> Iterator[str]:
    """Yield the full names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively"
            yield node.module or ""


def packages_imported_by(file: str) -> set[str]:
    return {name.partition(".")[0] for name in imports_of(file)}


def test_a_file_imports_its_own_package_and_those_below_it() -> None:
    for file in files(*PACKAGES):
        imported = packages_imported_by(file) & {*PACKAGES, "tests"}
        if file.startswith("goimbus/commands/"):
            imported -= {"bench", "conformance"} & {Path(file).stem}
        assert imported <= MAY_IMPORT[file.partition("/")[0]], file


def test_schemas_need_only_the_standard_library_and_protobuf() -> None:
    for file in files("schemas"):
        allowed = {*sys.stdlib_module_names, "schemas", "google"}
        assert packages_imported_by(file) <= allowed, file


def test_the_client_does_not_need_the_bus() -> None:
    for file in files("goimbus"):
        if not file.removeprefix("goimbus/").startswith(GOIMBUS_ON_THE_BUS):
            assert packages_imported_by(file).isdisjoint({"bus", "nats", "redis"}), file


def test_a_deciding_file_does_no_input_or_output() -> None:
    for file in [*DECIDING, *files("schemas")]:
        assert packages_imported_by(file).isdisjoint(INPUT_AND_OUTPUT), file


def test_a_service_speaks_nats_through_the_bus() -> None:
    for file in files(*SERVICES):
        direct = {name for name in imports_of(file) if name.partition(".")[0] == "nats"}
        assert all(name.startswith("nats.js") for name in direct), file  # streams and buckets


def test_the_environment_is_read_where_a_process_begins() -> None:
    begins = ("goimbus/commands/", "bus/lifecycle.py", "gateway/workers.py")
    for file in files(*SERVICES, "bus", "goimbus"):
        if not (file.endswith(("/__main__.py", "settings.py")) or file.startswith(begins)):
            assert lines_that_read_the_environment(file) == [], file


def lines_that_read_the_environment(file: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute)
        and node.attr in ("environ", "environb", "getenv")
        and isinstance(node.value, ast.Name)
        and node.value.id == "os"
    ]


def test_a_file_is_short() -> None:
    for file in files(*PACKAGES, "tests"):
        is_main = file.removesuffix("/__main__.py") in PACKAGES
        limit = MOST_LINES_OF_A_MAIN if is_main else MOST_LINES
        lines = (CHECKOUT / file).read_text().count("\n")
        assert lines <= limit, f"{file} has {lines} lines"


def test_a_function_is_short() -> None:
    for file in files(*PACKAGES, "tests"):
        for node in ast.walk(tree_of(file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= MOST_LINES_OF_A_FUNCTION, f"{file}: {node.name}"


def test_an_init_file_holds_words_but_no_code() -> None:
    for file in files(*PACKAGES, "tests"):
        if file.endswith("/__init__.py"):
            tree = tree_of(file)
            words = 1 if ast.get_docstring(tree) else 0
            assert len(tree.body) == words, file
            assert words or file.startswith("tests/"), f"{file} says nothing"


def test_no_module_is_named_like_a_standard_one() -> None:
    for file in files(*PACKAGES, "tests"):
        names = {*Path(file).parts[:-1], Path(file).stem} - {"__init__", "__main__"}
        if not file.startswith("goimbus/commands/"):  # there a file is named like its command
            assert names.isdisjoint(sys.stdlib_module_names), file


def test_every_service_has_the_same_skeleton() -> None:
    for service in SERVICES:
        for name in ("__init__.py", "__main__.py", "settings.py"):
            assert (CHECKOUT / service / name).exists(), f"{service}/{name}"


def test_every_folder_of_tests_is_a_package() -> None:
    for file in files("tests"):
        assert (CHECKOUT / file).with_name("__init__.py").exists(), file


def test_a_lock_holds_hashes_and_no_address() -> None:
    for path in CHECKOUT.glob("requirements*.txt"):
        for line in path.read_text().splitlines():
            assert "://" not in line, path
            assert "==" in line or line.lstrip().startswith("--hash=sha256:"), path


def test_dev_starts_on_python_3_6() -> None:
    ast.parse((CHECKOUT / "dev").read_text(), feature_version=(3, 6))
