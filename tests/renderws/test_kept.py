"""Results are kept by what they were made from, a few of them."""

from renderws.kept import Kept


def test_the_least_recently_used_result_goes_first():
    kept, made = Kept(2), []

    def get(key):
        return kept.get(key, lambda: made.append(key) or f"result {key}")

    assert [get("a"), get("b"), get("a"), get("c")] == ["result a", "result b", "result a",
                                                        "result c"]  # fmt: skip
    assert made == ["a", "b", "c"]
    get("a")
    get("b")
    assert made == ["a", "b", "c", "b"]
