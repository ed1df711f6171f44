"""The measured homes, against figures read off the files by hand."""

import numpy as np
import pytest

from scenario import dataset

if not (dataset.FOLDER / "schema.json").is_file():
    pytest.skip("the demo's data are not here; run make setup", allow_module_level=True)


@pytest.fixture(scope="module")
def data() -> dataset.Dataset:
    return dataset.load()


def test_year_is_on_a_grid_of_quarter_hours(data: dataset.Dataset) -> None:
    assert data.load_kw.shape == data.pv_kw_per_kw.shape == (17, 8760 * 4)
    assert data.end.isoformat() == "2017-08-01T07:00:00+00:00"


def test_spreading_keeps_the_energy(data: dataset.Dataset) -> None:
    assert data.load_kw[0, :4].tolist() == [2.2758] * 4  # the first hour of home 1 used 2.2758 kWh
    assert data.load_kw[0, :4].sum() / 4 == pytest.approx(2.2758)


def test_sun_stands_highest_at_noon_of_standard_time(data: dataset.Dataset) -> None:
    july = slice(-31 * 96, None)
    by_slot = data.pv_kw_per_kw[:, july].reshape(17, 31, 96).mean(axis=(0, 1))
    centre = (by_slot * np.arange(96)).sum() / by_slot.sum() / 4  # hours after 07:00 UTC

    assert abs((centre + 7) - 20) < 0.5  # noon at UTC−8 is 20:00 UTC


def test_missing_files_say_what_to_do(tmp_path) -> None:
    with pytest.raises(dataset.DatasetError, match="run `make setup`"):
        dataset.load(tmp_path)
