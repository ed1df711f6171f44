"""The script that fetches and runs Apache Jena Fuseki."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import servers

from kg.errors import StoreError, StoreTimeoutError
from kg.remote import RemoteStore

SCRIPT = servers.ROOT / "scripts" / "fuseki.py"


@pytest.fixture
def fuseki() -> ModuleType:
    found = importlib.util.spec_from_file_location("fuseki_script", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_another_file_than_the_recorded_one_is_refused(fuseki: ModuleType, tmp_path: Path) -> None:
    wrong = tmp_path / "server.jar"
    wrong.write_bytes(b"not what was asked for")

    with pytest.raises(fuseki.FusekiError, match=r"has the SHA-256 .*: delete the file and fetch it again"):
        fuseki.fetch(wrong)


def test_without_maven_the_way_out_is_named(fuseki: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(fuseki.FusekiError, match=r"no mvn on the PATH: install it .* or put the jar yourself at"):
        fuseki.fetch(tmp_path / "absent.jar")


def test_without_java_serving_exits_with_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, SCRIPT, "serve", "--location", tmp_path / "data"],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.strip() == "Fuseki needs Java 17 or newer, and there is no java on the PATH: install a JRE"


def test_the_server_heeds_its_time_limit_fetches_nothing_and_keeps_its_data(tmp_path: Path) -> None:
    server = servers.start_fuseki(tmp_path / "data", timeout_s=1)
    store = RemoteStore(server.query_url, server.update_url, server.gsp_url)
    store.update("INSERT DATA { GRAPH <http://g/> { " + " ".join(f"<http://s/{i}> <http://p/> {i} ." for i in range(3000)) + " } }")

    with pytest.raises(StoreTimeoutError, match="ask for less"):
        store.select("SELECT (COUNT(*) AS ?n) { GRAPH ?g { ?a ?b ?c . ?d ?e ?f . ?h ?i ?j FILTER(?c + ?f + ?j = -1) } }")
    with pytest.raises(StoreError, match="SERVICE"):
        store.select(f"SELECT * {{ SERVICE <http://127.0.0.1:{servers.free_port()}/> {{ ?s ?p ?o }} }}")

    store.close()
    server.child.stop()
    again = servers.start_fuseki(tmp_path / "data")
    store = RemoteStore(again.query_url, again.update_url, again.gsp_url)
    assert store.count() == 3000
    store.close()
    again.child.stop()
