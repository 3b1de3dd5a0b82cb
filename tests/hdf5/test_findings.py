import pytest

from avvla.errors import UserError
from avvla.hdf5.findings import Finding, FrameFault, alike, require_usable, table

CAMERAS = {"side": "jpeg", "top": "raw"}
GOOD = Finding("a.h5", 100, CAMERAS)
FAULTY = Finding("b.h5", 50, CAMERAS, (FrameFault(7, "image", "top has nothing"),))
BAD = Finding("c.h5", problem="c.h5 is broken: move it away")


def test_the_table_has_a_row_for_each_file_then_what_is_wrong():
    assert table([GOOD, FAULTY, BAD]) == [
        " frames  faulty  pictures      file",
        "    100       0  2 x jpeg+raw  a.h5",
        "     50       1  2 x jpeg+raw  b.h5",
        "      0     all  -             c.h5",
        "c.h5 is broken: move it away",
        "b.h5 frame 7: top has nothing",
    ]


def test_good_files_and_few_faults_pass():
    require_usable([GOOD, FAULTY], 1 / 150)


def test_many_problems_are_few_words():
    files = [Finding(f"{i}.h5", problem=f"{i}.h5 is broken") for i in range(5)]
    with pytest.raises(UserError) as told:
        require_usable([GOOD, *files], 1.0)
    assert str(told.value) == (
        "5 of 6 files cannot be used: 0.h5 is broken; 1.h5 is broken; 2.h5 is broken; and 2 more;"
        " `avvla data import-hdf5 FOLDER` lists all"
    )


def test_the_first_usable_file_says_which_cameras_there_are():
    other = Finding("d.h5", 9, {"side": "jpeg"})
    found = alike([BAD, GOOD, FAULTY, other])
    assert found[:3] == [BAD, GOOD, FAULTY]
    assert found[3].problem.startswith("d.h5 has the cameras side, a.h5 has side, top")
    assert alike([BAD]) == [BAD]
