import signal
from pathlib import Path

from tests.goimbus.test_doctor_checks import make_streams
from tests.goimbus.witness import Command, Witness, start_up


def checked_procfile(folder: Path) -> Path:
    """Services that find their settings fine unless BAD is set."""
    (folder / "check.py").write_text(
        "import os, sys; sys.exit('BAD is bad' if 'BAD' in os.environ else 0)\n"
    )
    path = folder / "Checked"
    path.write_text("web: python check.py web\nauth: python check.py auth\n")
    return path


async def test_all_is_well_beside_a_running_up(
    tmp_path: Path, witness: Witness, variables: dict[str, object], prefix: str
) -> None:
    variables["GOIM_SUBJECT_PREFIX"] = prefix
    up = await start_up(tmp_path, variables)
    await up.line_with("secrets in")
    await make_streams(f"nats://127.0.0.1:{variables['GOIM_NATS_PORT']}", prefix)
    doctor = await Command.start("doctor", "--procfile", checked_procfile(tmp_path), **variables)
    assert await doctor.end() == 0
    assert [line.split()[0] for line in doctor.lines] == ["ok"] * 10
    up.process.send_signal(signal.SIGTERM)
    assert await up.end() == 0


async def test_named_servers_are_looked_at_and_a_fault_is_status_1(
    tmp_path: Path, nats_url: str, redis_url: str, prefix: str
) -> None:
    await make_streams(nats_url, prefix)
    named = {"NATS_URL": nats_url, "REDIS_URL": redis_url, "GOIM_SUBJECT_PREFIX": prefix}
    procfile = checked_procfile(tmp_path)
    doctor = await Command.start("doctor", "--procfile", procfile, **named)
    assert await doctor.end() == 0
    sick = await Command.start("doctor", "--procfile", procfile, BAD=1, **named)
    assert await sick.end() == 1
    faults = [line.split(maxsplit=4) for line in sick.lines if line.startswith("FAIL")]
    assert faults == [["FAIL", "settings", "of", name, "BAD is bad"] for name in ("web", "auth")]


async def test_settings_that_cannot_be_read_are_told() -> None:
    doctor = await Command.start("doctor", PORT="many", NATS_URL="nats://127.0.0.1:1")
    assert await doctor.end() == 1
    assert doctor.lines == ["FAIL  settings  PORT must be a number, not 'many'"]
