"""Stop where rows are moved in pieces: `module` is that of the store which moves them."""

import pytest

from renderws.store import settling

# of the fixture `place`: for what takes long and depends little on the database
IN_A_FILE = pytest.mark.parametrize(
    "place", ["sqlite", pytest.param("postgres", marks=pytest.mark.soak)], indirect=True
)


class Crash(BaseException):
    """The end of the process, as far as the store can tell."""


def between_pieces(monkeypatch, module, what):
    """Do something before each piece, with the number of it; the list that the pieces go to."""
    done, piece = [], settling.do_piece

    def and_then(source, work, key):
        if work is not module.WORK:
            return piece(source, work, key)
        what(len(done))
        done.append(piece(source, work, key))
        return done[-1]

    monkeypatch.setattr(settling, "do_piece", and_then)
    return done


def places_begun(monkeypatch, module):
    """Where in the order of an index each removal or move of rows by the module begins."""
    begun, remove = [], module.remove_onward

    def and_note(rows, first, limit):
        begun.append(first)
        return remove(rows, first, limit)

    monkeypatch.setattr(module, "remove_onward", and_note)
    return begun


def crash_after(monkeypatch, module, count):
    """End the removal of rows after so many pieces; the next ones go on."""

    def crash(number):
        if number == count:
            monkeypatch.undo()
            raise Crash

    between_pieces(monkeypatch, module, crash)
