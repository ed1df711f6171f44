"""Sheets as strangers send them, and CSV that no spreadsheet takes for a formula."""

import csv
import io
import zipfile
from datetime import date

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forms.sheets import MOST_BYTES, MOST_ROWS, SheetError, csv_of, guarded, read, unguarded
from shapes.words import LANGUAGES

TEXT = "key,label\na,Ñandú\n"


def workbook(rows, more=None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    if more:
        book.create_sheet(more)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def packed(parts):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in parts.items():
            out.writestr(name, content)
    return file.getvalue()


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=30))
def test_a_guard_is_taken_off_and_nothing_else(text):
    assert unguarded(guarded(text)) == text


@given(st.sampled_from("=+-@\t\r"), st.text(max_size=10))
def test_no_text_begins_like_a_formula_unless_it_is_a_number(first, rest):
    cell = guarded(first + rest)

    assert cell.startswith("'") or cell.replace(",", ".").lstrip("+-").replace(".", "").isdigit()


@given(
    st.lists(
        st.lists(st.text(alphabet="ab=+-@',;\"\n ñ1.", min_size=1, max_size=8).map(str.strip).filter(bool), min_size=2, max_size=2),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read_again(rows):
    sheet = read(csv_of([["key", "label"], *rows]).encode())

    assert [list(cells) for _, cells in sheet.rows] == rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_letters_are_read_in_each_encoding(encoding):
    content = ("\ufeff" if encoding == "utf-16-le" else "") + TEXT
    sheet = read(content.encode(encoding))

    assert sheet.rows == ((2, ("a", "Ñandú")),)
    assert [name for name, _ in sheet.notes] == (["guessed-encoding"] if encoding == "cp1252" else [])


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_separators_are_found(delimiter):
    sheet = read(f'key{delimiter}"a,b;c"{delimiter}label\nx{delimiter}1{delimiter}y\n'.encode())

    assert sheet.head == ("key", "a,b;c", "label")


def test_rows_keep_the_numbers_that_a_spreadsheet_shows():
    assert [number for number, _ in read(b"key,label\n\na,1\n,,\nb,2\n").rows] == [3, 5]


def test_cells_of_a_workbook_are_texts_as_people_wrote_them():
    sheet = read(workbook([["key", "n", "d", "b"], ["x", 4.5, date(2026, 1, 2), True], ["y", 3, None, "=1+1"]], "more"))

    assert sheet.rows[0] == (2, ("x", "4.5", "2026-01-02", "true"))
    assert sheet.rows[1][1][:2] == ("y", "3")
    assert sheet.notes == (("first-sheet", {"count": 2, "name": "Sheet"}),)


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"", "empty-file"),
        (b" \n\n", "empty-file"),
        (b"key,label\n", "no-rows"),
        (b"key,key\na,b\n", "double-column"),
        (b"key\na,b\n", "cells"),
        (b'key,label\n"a,b\n', "broken-csv"),
        (b"key,label\n\x00,b\n", "no-text"),
        (b"\xff\xfeabc", "broken-text"),
        (b"key\n" + b"x" * 10_001 + b"\n", "long-cell"),
        (b",".join(b"c%d" % number for number in range(201)) + b"\n" + b"x\n", "many-columns"),
        (b"key\n" + b"x\n" * (MOST_ROWS + 1), "many-rows"),
        (b"x" * (MOST_BYTES + 1), "long-file"),
        (b"\xd0\xcf\x11\xe0" + b"x" * 20, "old-office"),
        (b"PK\x03\x04" + b"x" * 20, "no-workbook"),
        (packed({"a.txt": b"x"}), "no-workbook"),
        (packed({"xl/workbook.xml": b"<broken", "[Content_Types].xml": b""}), "no-workbook"),
        (packed({"xl/workbook.xml": b"", "xl/vbaProject.bin": b"x"}), "macros"),
        (packed({"xl/workbook.xml": b"", "xl/externalLinks/externalLink1.xml": b"x"}), "macros"),
        (packed({"xl/workbook.xml": b"", "xl/worksheets/sheet1.xml": b"0" * (65 << 20)}), "bomb"),
    ],
)
def test_what_is_no_sheet_is_refused_with_a_sentence_in_each_language(content, key):
    with pytest.raises(SheetError) as refused:
        read(content)

    assert refused.value.key == key
    assert len({refused.value.sentence(language) for language in LANGUAGES}) == len(LANGUAGES)


def test_an_entity_bomb_in_a_workbook_does_not_explode():
    bomb = (
        '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
        + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
        + "]><workbook>&j;</workbook>"
    )

    with pytest.raises(SheetError):
        read(packed({"xl/workbook.xml": bomb, "[Content_Types].xml": bomb}))


def test_the_csv_that_is_written_is_csv():
    assert list(csv.reader(io.StringIO(csv_of([["a", 'say "x", please'], ["-5", "=A1"]])))) == [["a", 'say "x", please'], ["-5", "'=A1"]]
