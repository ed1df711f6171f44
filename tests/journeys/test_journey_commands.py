"""The `flex` commands: exit 0 when it was done, 1 when it was refused, 2 when it was called wrongly; always a sentence."""

import json
import shutil

import pytest

from kg.iris import Iris
from scenario import cooperative

pytestmark = pytest.mark.journey
WINDOW = ["--start", "2016-08-17T18:00-07:00", "--end", "2016-08-17T20:00-07:00"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["load", "/nope.csv"], "there is no file /nope.csv"),
        (["restore", "/nope.nq"], "there is no file /nope.nq"),
        (["forecast", "--start", "2016-08-17T18:00", "--end", "2016-08-17T20:00"], "has no offset"),
        (["forecast", "--start", "2016-08-17T18:05-07:00", "--end", "2016-08-17T20:00-07:00"], "quarter-hours"),
        (["campaign", *WINDOW, "--kw", "5", "--price", "abc"], "is not an amount"),
        (["campaign", *WINDOW, "--kw", "nan"], "not a finite number"),
        (["campaign", *WINDOW, "--kw", "5", "--price", "NaN"], "finite price"),
        (["campaign", "--start", "2031-01-01T18:00Z", "--end", "2031-01-01T20:00Z", "--kw", "5"], "more than 7 days"),
        (["campaign", "--start", "2016-08-01T18:00Z", "--end", "2016-08-01T20:00Z", "--kw", "5"], "begins before now"),
        (["abort", "c99"], "there is no campaign"),
        (["settle", "c99"], "c99"),
        (["query", "SELECT nonsense"], "did not answer the query"),
        (["validate", "/nope.ttl"], "can't be read"),
        (["osb", "--config", "/nope.json"], ""),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else None,
)
def test_refusal_is_a_sentence_and_exit_code_1(site, flex, arguments, words):
    answer = flex(*arguments, env=site.env, expect=1)

    assert words in json.dumps(answer)
    assert "Traceback" not in json.dumps(answer)


def test_wrong_call_is_exit_code_2(raw_flex):
    assert raw_flex("campaign").returncode == 2
    assert raw_flex("nothing").returncode == 2


def test_unknown_setting_names_the_nearest(raw_flex):
    done = raw_flex("settings", env={"FLEX_DEMO_HOME": "3"})

    assert done.returncode == 1
    assert "did you mean FLEX_DEMO_HOMES?" in done.stderr


def test_optimise_says_who_would_be_picked_and_tells_nobody(site, flex):
    before = site.get("/api/commands")
    answer = flex("optimise", *WINDOW, "--kw", "4", env=site.env)

    assert answer["asked_kw"] == [4.0] * 8
    assert len(answer["primaries"]) >= 1
    assert site.get("/api/commands") == before
    query = "ASK { ?event fc:start '2016-08-18T01:00:00Z'^^xsd:dateTime ; a fc:DREvent }"
    assert flex("query", query, env=site.env)["answer"] is False


def test_another_cooperative_in_the_same_folder_is_refused(played, flex):
    answer = flex("demo", "--days", "16", "--homes", "7", "--seed", "9", "--keep", str(played.folder), expect=1)

    assert "holds a demo of" in answer["error"]


def test_commands_without_a_platform_open_the_store_themselves(played, flex, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(played.folder, folder)
    target = tmp_path / "all.nq"

    answer = flex("backup", str(target), env={"FLEX_DATA_DIR": str(folder)})

    assert answer["triples"] == played.figures["triples"]
    assert target.stat().st_size == answer["bytes"]


def test_facts_of_another_cooperative_are_entered_whole_or_not_at_all(flex, tmp_path):
    homes = cooperative.plan(2, 1)
    quads = cooperative.facts(homes, Iris("http://127.0.0.1:8080"))
    good, bad = tmp_path / "good.nq", tmp_path / "bad.nq"
    text = "\n".join(f"{quad} ." for quad in quads) + "\n"
    good.write_text(text)
    bad.write_text(text.replace('"America/Los_Angeles"', '"somewhere"'))
    env = {"FLEX_DATA_DIR": str(tmp_path / "own")}

    refused = flex("load", str(bad), env=env, expect=1)
    entered = flex("load", str(good), env=env)

    assert refused["triples"] == 0
    assert any("somewhere" in sentence for sentence in refused["findings"])
    assert entered["triples"] == len(quads)
    assert flex("check", env=env)["ok"] is True


def test_facts_belong_in_the_graphs_of_the_platform(flex, tmp_path):
    file = tmp_path / "elsewhere.nq"
    file.write_text("<urn:a> <urn:b> <urn:c> <urn:graph> .\n")

    answer = flex("load", str(file), env={"FLEX_DATA_DIR": str(tmp_path / "own")}, expect=1)

    assert "urn:graph is not a graph that facts are entered in" in answer["error"]
