"""Match trials: documents by id."""

from __future__ import annotations

from renderws.store.protocol import NotFound
from renderws.store.source import Source


class Trials:
    """The part of the store that keeps match trials."""

    _source: Source

    def save_trial(self, trial_id: str, document: bytes) -> None:
        with self._source.write(("trial", trial_id)) as connection:
            connection.execute(
                "INSERT INTO trial (id, document) VALUES (?, ?)"
                " ON CONFLICT (id) DO UPDATE SET document = excluded.document",
                (trial_id, document),
            )

    def trial(self, trial_id: str) -> bytes:
        with self._source.read() as connection:
            row = connection.execute(
                "SELECT document FROM trial WHERE id = ?", (trial_id,)
            ).fetchone()
        if row is None:
            raise NotFound(f"match trial {trial_id} does not exist")
        return bytes(row[0])

    def delete_trial(self, trial_id: str) -> None:
        with self._source.write(("trial", trial_id)) as connection:
            connection.execute("DELETE FROM trial WHERE id = ?", (trial_id,))
