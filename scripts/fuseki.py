"""Fetch Apache Jena Fuseki and run it on loopback, for whoever wants a SPARQL server behind the platform.

    python scripts/fuseki.py fetch
    python scripts/fuseki.py serve [--port 3030] [--location var/fuseki] [--timeout 30] [--memory 1g]

Fetching needs Maven (`mvn`) once; serving needs Java 17. Nothing but the standard library is used here.
The addresses are `/flex/query`, `/flex/update`, `/flex/data` (Graph Store Protocol) and `/flex/union` (queries
whose default graph is the union of the named graphs; that of `/flex/query` is its own). SERVICE is switched off.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = "5.6.0"  # the last that runs on Java 17: 6.0 needs 21
SHA256 = "d28c1eaf703122ee628895a460c20fa4aa60a892f435d403ea8c036f241da1f8"
ARTIFACT = f"org.apache.jena:jena-fuseki-server:{VERSION}"
JAR = ROOT / ".cache" / "fuseki" / f"jena-fuseki-server-{VERSION}.jar"


class FusekiError(Exception):
    """Fuseki can't be had, or can't be started."""


def digest(file: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def fetch(jar: Path = JAR) -> Path:
    """Return the server's jar, downloading it by Maven where it is not in the cache yet.

    Raises
    ------
    FusekiError
        If there is no Maven, the download fails, or the file is another than the one recorded here.
    """
    if not jar.is_file():
        _download(jar)
    found = digest(jar)
    if found != SHA256:
        raise FusekiError(f"{jar} has the SHA-256 {found}, but {VERSION} has {SHA256}: delete the file and fetch it again")
    return jar


def _download(jar: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise FusekiError(
            f"{ARTIFACT} is fetched by Maven, and there is no mvn on the PATH: install it (Debian: apt-get "
            f"install maven), or put the jar yourself at {jar}"
        )
    jar.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=jar.parent) as folder:  # nobody sees half a download
        command = [
            maven,
            "-B",
            "-q",
            "dependency:copy",
            f"-Dartifact={ARTIFACT}",
            f"-DoutputDirectory={folder}",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        file = Path(folder) / jar.name
        if done.returncode != 0 or not file.is_file():
            said = (done.stdout + done.stderr).strip()[-2000:]
            raise FusekiError(f"Maven could not fetch {ARTIFACT} (exit {done.returncode}); is the network up? {said}")
        file.replace(jar)


CONFIGURATION = """\
PREFIX fuseki: <http://jena.apache.org/fuseki#>
PREFIX ja: <http://jena.hpl.hp.com/2005/11/Assembler#>
PREFIX tdb2: <http://jena.apache.org/2016/tdb#>
[] a fuseki:Server ; ja:context [ ja:cxtName "arq:queryTimeout" ; ja:cxtValue "{timeout_ms}" ] ,
  [ ja:cxtName "arq:httpServiceAllowed" ; ja:cxtValue "false" ] .
<#service> a fuseki:Service ; fuseki:name "flex" ; fuseki:dataset <#dataset> ;
  fuseki:endpoint [ fuseki:operation fuseki:query ; fuseki:name "query" ] ,
    [ fuseki:operation fuseki:query ; fuseki:name "union" ; ja:context <#union> ] ,
    [ fuseki:operation fuseki:update ; fuseki:name "update" ] ,
    [ fuseki:operation fuseki:gsp-rw ; fuseki:name "data" ] .
<#union> ja:cxtName "tdb2:unionDefaultGraph" ; ja:cxtValue true .
<#dataset> a tdb2:DatasetTDB2 ; tdb2:location "{location}" .
"""


def configure(location: Path, timeout_s: float) -> Path:
    """Make the folders of a server and write its configuration beside its data."""
    location.mkdir(parents=True, exist_ok=True)
    own = location.parent / f"{location.name}-server"  # Fuseki's own folder (FUSEKI_BASE)
    own.mkdir(exist_ok=True)
    file = own / "flex.ttl"
    text = CONFIGURATION.format(timeout_ms=round(timeout_s * 1000), location=location)
    file.write_text(text, encoding="utf-8")
    return file


def serve(port: int, location: Path, timeout_s: float, memory: str) -> None:
    """Become the server: this process is replaced by Java, so its pid is the server's.

    Raises
    ------
    FusekiError
        If there is no Java, or the jar can't be had.
    """
    java = shutil.which("java")
    if java is None:
        raise FusekiError("Fuseki needs Java 17 or newer, and there is no java on the PATH: install a JRE")
    jar = fetch()
    file = configure(location, timeout_s)
    environment = {**os.environ, "FUSEKI_BASE": str(file.parent)}
    options = ["--localhost", f"--port={port}", "--ping", "--compact", "--no-cors", f"--config={file}"]
    line = [java, f"-Xmx{memory}", "-jar", str(jar), *options]
    os.execve(java, line, environment)  # noqa: S606 - the arguments are ours, and no shell is wanted


def main() -> int:
    """Run the command line; 0 fine, 1 refused or failed, 2 wrong usage."""
    parser = argparse.ArgumentParser(description="Apache Jena Fuseki on loopback")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("fetch", help="download the server once")
    serving = verbs.add_parser("serve", help="run it until it is ended")
    serving.add_argument("--port", type=int, default=3030)
    serving.add_argument("--location", type=Path, default=ROOT / "var" / "fuseki")
    serving.add_argument("--timeout", type=float, default=30.0, help="seconds a query may take")
    serving.add_argument("--memory", default="1g", help="most memory of the Java heap, like 512m or 2g")
    given = parser.parse_args()
    try:
        if given.verb == "serve":
            serve(given.port, given.location.resolve(), given.timeout, given.memory)
        print(fetch())
    except FusekiError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
