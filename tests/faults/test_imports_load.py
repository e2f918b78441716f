"""Large files through the real processes: in time, in flat memory, and hostile ones leave no trace.

The short form runs everywhere; the long one is the promise: 100,000 vehicles by CSV and by XLSX, each applied
within a minute and 200 MB over idle.
"""

import io
import os
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bench import imports as bench
from tests.factories import imports as files
from tests.factories import registry as make

MB = 2**20


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory that PostgreSQL's own account can reach too."""
    with tempfile.TemporaryDirectory(prefix="cityfreight-load-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("rows", [2_000, pytest.param(100_000, marks=pytest.mark.slow)])
@pytest.mark.timeout(1800)
async def test_a_large_file_is_applied_in_time_and_flat_memory(directory: Path, rows: int) -> None:
    found = await bench.measure(directory, rows)
    assert found["bad_rows_named"] == rows // 100
    assert [run["file"] for run in found["runs"]] == ["csv", "xlsx"]
    for run in found["runs"]:
        assert run["apply_s"] <= bench.BOUND_S, found
        assert run["again_apply_s"] <= bench.BOUND_S, found
        assert run["importer_mb_over_idle"] * MB <= bench.BOUND_BYTES, found
        assert run["api_mb_over_idle"] * MB <= bench.BOUND_BYTES, found


def bomb() -> bytes:
    """Unpacks to 600 MB."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 600 * MB)
    return content.getvalue()


@pytest.fixture
async def registry(fresh_database_urls: dict[str, str], tmp_path: Path) -> AsyncIterator[bench.Registry]:
    """The API and the worker in processes of their own."""
    async with bench.at_work(fresh_database_urls, tmp_path) as found:
        yield found


async def test_hostile_files_leave_api_and_worker_as_they_were(registry: bench.Registry) -> None:
    """I3 of reliability.md: 40 MB bodies, zip bombs, tables of 100,000 lines, twenty of each."""
    lines = files.csv_of([files.vehicle_row()]) + b",\r\n" * 100_000 + b"\xff" * 10
    sent: list[tuple[bytes, str, int]] = [
        (b"x" * 40 * MB, files.CSV, 413),
        (bomb(), files.XLSX, 201),
        (lines, files.CSV, 201),
    ]
    firms = [await make.admit_firm(registry.api) for _ in range(5)]

    async def round_of(firm: make.Firm) -> None:
        for content, media_type, status in sent:
            headers = {**firm.headers, "Content-Type": media_type}
            answer = await registry.api.post("/v1/imports?entity=vehicles", content=content, headers=headers)
            assert answer.status_code == status, answer.text

    await round_of(firms[0])
    before = [bench.resident(pid) for pid in (registry.api_pid, registry.worker_pid)]
    for turn in range(20):
        await round_of(firms[1 + turn // 5])
    after = [bench.resident(pid) for pid in (registry.api_pid, registry.worker_pid)]
    grown = [round((b - a) / MB) for a, b in zip(before, after, strict=True)]
    assert max(grown) <= 20, grown
    for pid in (registry.api_pid, registry.worker_pid):
        os.kill(pid, 0)
    answer = await registry.api.get("/v1/imports", headers=firms[0].headers)
    codes = []
    for each in answer.json()["items"]:
        found = await registry.halted(each["id"], "checking", firms[0].headers)
        codes.append((found["status"], found["reason"]["code"]))
    assert codes == [("failed", "xlsx_bomb"), ("failed", "encoding_unknown")]
