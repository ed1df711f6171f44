"""The map of the feeders: a tree of nodes, homes counted behind each, and a list that says the same as the picture."""

import re
from collections import Counter
from decimal import Decimal

import pytest

from api.grid import MOST_NODES, Grid, Node
from api.map_drawing import HEIGHT, WIDTH, draw
from kg.iris import Iris
from kg.terms import Lang, describe, iri
from ontology.names import FC, RDF, RDFS, WGS84

IRIS = Iris("http://127.0.0.1:8080")
HTML = {"Accept": "text/html"}


def place(store, node, latitude, longitude, above=None, *, new=True):
    said = {WGS84.lat: Decimal(latitude), WGS84.long: Decimal(longitude)}
    if new:
        said |= {RDF.type: FC.GridNode, RDFS.label: Lang(f"Node {node}")}
    if above:
        said[FC.fedBy] = iri(IRIS.id("node", above))
    store.apply(insert=describe(IRIS.graph("registry"), IRIS.id("node", node), said))


def test_without_coordinates_the_list_is_there_and_the_picture_says_why_not(client):
    page = client.get("/map", headers=HTML).text

    assert "No grid node has coordinates yet" in page
    assert "/map?node=feeder-1" in page


def test_homes_are_counted_at_the_cabinet_and_at_all_that_feeds_it(client, store):
    place(store, "feeder-1", "40.41", "-3.70", new=False)
    place(store, "cabinet-1", "40.42", "-3.71", "feeder-1")
    facts, connection = IRIS.graph("member", "h02", "facts"), IRIS.id("connection", "h02")
    store.apply(insert=describe(facts, connection, {FC.nearestNode: iri(IRIS.id("node", "cabinet-1"))}))

    whole, part = client.get("/map", headers=HTML).text, client.get("/map?node=cabinet-1", headers=HTML).text

    assert whole.count('class="node') == 2
    assert whole.count("<line ") == 1
    assert re.search(r"/map\?node=feeder-1\">Feeder 1</a></th><td class=\"n\">2</td>", whole)
    assert re.search(r"/map\?node=cabinet-1\">Node cabinet-1</a></th><td class=\"n\">1</td>", whole)
    assert "/members/h02" in part
    assert "/members/h01" not in part


def test_a_home_with_a_place_of_its_own_is_drawn_there(client, store):
    place(store, "feeder-1", "40.41", "-3.70", new=False)
    facts, connection = IRIS.graph("member", "h01", "facts"), IRIS.id("connection", "h01")
    store.apply(insert=describe(facts, connection, {WGS84.lat: Decimal("40.43"), WGS84.long: Decimal("-3.70")}))

    page = client.get("/map?node=feeder-1", headers=HTML).text
    home = re.search(r'href="/members/h01" class="home.*?translate\(([\d.]+) ([\d.]+)\)', page, re.DOTALL)
    node = re.search(r'href="/map\?node=feeder-1" class="node.*?translate\(([\d.]+) ([\d.]+)\)', page, re.DOTALL)

    assert float(home[1]) == float(node[1])  # as far east
    assert float(home[2]) < float(node[2])  # further north is further up


def test_what_is_entered_while_the_platform_runs_is_seen_at_once(client, store):
    assert "Node late" not in client.get("/map", headers=HTML).text

    place(store, "late", "40.42", "-3.71", "feeder-1")

    assert "Node late" in client.get("/map", headers=HTML).text


def test_a_node_that_is_not_there_is_said_to_be_missing(client):
    assert client.get("/map?node=feeder-99").status_code == 404


def test_a_name_from_the_graph_is_text_whatever_it_holds(client, store):
    store.apply(
        insert=describe(IRIS.graph("registry"), IRIS.id("node", "n"), {RDF.type: FC.GridNode, RDFS.label: "<script>alert(1)</script>"})
    )

    assert "<script>alert" not in client.get("/map", headers=HTML).text


def test_members_do_not_see_the_map(as_member):
    assert as_member("h01").get("/map").status_code == 403


def tree(width, depth):
    """A root that feeds `width` chains of `depth` nodes, one home at each."""
    nodes = {"r": Node("r", "r", "root", (40.0, -3.0), None)}
    for chain in range(width):
        above = "r"
        for level in range(depth):
            iri_ = f"n{chain}-{level}"
            nodes[iri_] = Node(
                iri_, iri_, iri_, (40 + chain / 1000, -3 + level / 1000), above, counts=Counter(normal=depth - level), own=Counter(normal=1)
            )
            nodes[above].below.append(iri_)
            above = iri_
    nodes["r"].counts["normal"] = width * depth
    homes = {f"m{iri_}": iri_ for iri_ in nodes if iri_ != "r"}
    return Grid(nodes, homes, {}, ())


def test_ten_thousand_homes_are_drawn_as_deep_as_a_page_can_hold():
    grid = tree(100, 100)

    shown = grid.shown(None)

    assert len(shown) == 101  # the root, and the first node of each chain
    assert len(shown) <= MOST_NODES
    assert sum(grid.nodes[iri_].homes for iri_ in shown if iri_ != "r") == 10_000
    assert len(grid.members_behind("n7-0")) == 100


@pytest.mark.parametrize("homes", [0, 1, 7, 120])
def test_everything_that_is_drawn_lies_in_the_picture(homes):
    grid = tree(3, 4)
    given = [{"key": f"h{n}", "state": "normal", "node": "n1-0", "place": None} for n in range(homes)]

    picture = draw(grid, list(grid.nodes), given)

    assert len(picture.nodes) == 13
    assert len(picture.homes) == homes
    assert all(0 <= one.x <= WIDTH and 0 <= one.y <= HEIGHT for one in picture.nodes)
    assert len({(one.x, one.y) for one in picture.homes}) == homes


def test_nodes_that_feed_each_other_by_mistake_are_all_there(client, store):
    place(store, "a", "40.41", "-3.70", "b")
    place(store, "b", "40.42", "-3.70", "a")

    page = client.get("/map", headers=HTML).text

    assert "Node a" in page
    assert "Node b" in page
