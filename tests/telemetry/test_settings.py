"""How ingest members share the shards."""

import json
from pathlib import Path

import pytest

from services.shared.auth.tokens import generate_key
from services.telemetry.settings import IngestSettings


def _member(directory: Path, number: int, members: int) -> IngestSettings:
    return IngestSettings(
        database_url="postgresql://nobody@127.0.0.1/none",
        service_key=json.dumps(generate_key("telemetry")),
        service_keys_file=directory / "none",
        port=1,
        mqtt_password="x",
        ingest_member=number,
        ingest_members=members,
    )


@pytest.mark.parametrize("members", [1, 2, 4, 8, 16])
def test_each_shard_has_exactly_one_member(tmp_path: Path, members: int) -> None:
    shares = [_member(tmp_path, number, members).own_shards for number in range(members)]
    assert sorted("".join(shares)) == list("0123456789abcdef")
    assert {len(share) for share in shares} == {16 // members}
