"""A member takes their data along and is forgotten, on the whole platform as people run it."""

import io
import json
import re
import urllib.error
import urllib.parse
import urllib.request
import zipfile

import pytest

pytestmark = pytest.mark.journey
NAMED = re.compile(rb"(?<![A-Za-z0-9_.~])(?:osb-)?h02(?![A-Za-z0-9_~])")
# the store's files are compressed: three letters come up by chance in some megabytes, and IRIs are all that names a member there
NAMED_IN_STORE = re.compile(rb"[/-]h02(?![A-Za-z0-9_~])")


def ask(site, path: str, body: bytes | None = None) -> bytes:
    request = urllib.request.Request(
        site.url + path, data=body, headers={**site.headers, "Content-Type": "application/json", "Accept": "*/*"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return answer.read()


def refused(site, path: str, body: bytes | None = None) -> int:
    """The status of a request that is to be refused."""
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(site, path, body)
    error.value.close()
    return error.value.code


def test_a_member_is_exported_and_then_forgotten_everywhere(serve, flex, tmp_path):
    site = serve("--demo")
    site.wait_until(lambda state: state["scenario"].get("phase") == "at its end")
    backup = site.folder / "backups" / "before.nq"
    flex("backup", str(backup), env=site.env)
    elsewhere = tmp_path / "elsewhere.nq"
    elsewhere.write_bytes(backup.read_bytes())

    archive = zipfile.ZipFile(io.BytesIO(ask(site, "/members/h02/export")))
    assert {"README.txt", "h02.trig", "accounts.json", "readings/connection-h02-activePower.csv"} <= set(archive.namelist())
    assert [each["account"] for each in json.loads(archive.read("accounts.json")) if "account" in each] == ["h02"]

    assert refused(site, "/members/h02/erase", b'{"confirm": "h03"}') == 422
    done = json.loads(ask(site, "/members/h02/erase", b'{"confirm": "h02"}'))

    assert done["backups"] == 1
    query = "SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } FILTER(CONTAINS(CONCAT(STR(?g), STR(?s), STR(?o)), '/h02')) }"
    answer = json.loads(ask(site, f"/sparql?{urllib.parse.urlencode({'query': query, 'format': 'json'})}"))
    assert [row["n"]["value"] for row in answer["results"]["bindings"]] == ["0"]
    assert refused(site, "/doc/member/h02?format=turtle") == 404
    check = flex("check", env=site.env)
    assert (check["ok"], check["unbalanced"], check["findings"]) == (True, [], [])

    restored = flex("restore", str(elsewhere), env=site.env)
    assert restored["forgotten_again"] == 1
    assert flex("check", env=site.env)["unbalanced"] == []
    site.child.stop(30)
    # the demo's boxes are the members' own; the broker keeps the sessions of boxes that may come back
    kept = [
        file
        for part in ("store", "backups", "jobs", "access.sqlite", "audit.sqlite", "refused.sqlite", "erased.json")
        for file in files(site.folder / part)
    ]
    assert [file for file in kept if (NAMED_IN_STORE if file.suffix == ".sst" else NAMED).search(file.read_bytes())] == []


def files(place):
    return [each for each in ([place] if place.is_file() else place.rglob("*")) if each.is_file()]
