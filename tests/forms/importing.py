"""What imports need in tests: the competency data, a desk to write at, and a sheet of feeders."""

import itertools
from datetime import UTC, datetime
from pathlib import Path

import pyoxigraph as ox

from forms import bulk, class_sheet, home_sheet, writing
from forms.import_record import Import, Records
from forms.index import Index
from forms.made import form
from forms.sheets import read
from forms.world import World
from kg.iris import Iris
from registry.gate import Gate

AT = datetime(2026, 1, 2, 3, tzinfo=UTC)
IRIS = Iris("http://127.0.0.1:8080")


def example():
    """The quads of the competency questions."""
    with (Path(__file__).parents[1] / "data" / "competency.trig").open("rb") as file:
        return list(ox.parse(file, format=ox.RdfFormat.TRIG))


def feeders(count, first=10):
    """A sheet of so many new feeders, `feeder-10` in row 2."""
    return "key,label@en\n" + "".join(f"feeder-{number},Feeder {number}\n" for number in range(first, first + count))


class Office:
    """A gate, and imports through it."""

    def __init__(self, store, erased=lambda key: False):
        numbers = itertools.count(1)
        self.store, self.index = store, Index(store, IRIS, lambda: 0.0)
        self.gate = Gate(store, IRIS, lambda: AT, lambda: f"t{next(numbers)}")
        self.records, self.erased = Records(store, IRIS), erased

    def world(self):
        return World(self.store, IRIS, self.index, self.erased)

    def look(self, text, slug="grid-node"):
        """A preview, and what writes it: told in, record out."""
        sheet = read(text.encode())

        def rows(world, part):
            return home_sheet.rows(world, part, "en") if slug == "home" else class_sheet.rows(world, form(slug), part, "en")

        preview = bulk.preview(self.world(), sheet, rows(self.world(), sheet), "en")
        desk = writing.Desk(self.gate, self.store, self.records, lambda: AT, self.world, rows, "en", "UTC")

        def write(told=lambda done, total: None, key="i1"):
            begun = Import(key, slug, "sheet.csv", "clerk", "import of sheet.csv", AT, rest=writing.rest_of(preview))
            self.records.begin(begun)
            return writing.write(desk, begun, preview, told)

        return preview, write

    def nodes(self):
        """Keys of the grid nodes that are there."""
        return {
            triple.subject.value.rpartition("/")[2]
            for triple in self.store.graph(IRIS.graph("registry"))
            if "/id/node/" in triple.subject.value
        }
