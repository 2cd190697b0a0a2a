"""Operations 119 to 142: match collections."""

from __future__ import annotations

from .cases import case
from .documents import AB, AC, AD, EF, MERGED, match, without_points

MATCH_CASES = [
    case(119, "GET /matchCollectionOwners", 200, ["test"]),
    case(120, "GET O/matchCollections", 200, [
        {"collectionId": {"owner": "test", "name": "m"}, "pairCount": 4},
        {"collectionId": {"owner": "test", "name": "n"}, "pairCount": 1}]),
    case(120, "GET /owner/nobody/matchCollections", 200, []),
    case(121, "GET C/pGroupIds", 200, ["1.0", "2.0"]),
    case(121, "GET C:none/pGroupIds", 404, "~none"),
    case(122, "GET C/multiConsensusPGroupIds", 200, ["1.0"]),
    case(123, "GET C/multiConsensusGroupIds", 200, ["1.0", "2.0"]),
    case(124, "GET C/qGroupIds", 200, ["1.0", "2.0"]),
    case(125, "GET C/groupIds", 200, ["1.0", "2.0"]),
    case(125, "GET C:none/groupIds", 404, "~none"),
    case(126, "GET C/pGroup/1.0/matches/", 200, [AB, AC, AD]),
    case(126, "GET C/pGroup/1.0/matches?excludeMatchDetails=true", 200,
         [without_points(m) for m in (AB, AC, AD)]),
    case(126, "GET C/pGroup/9/matches", 200, []),
    case(126, "GET C:none/pGroup/1.0/matches", 404, "~none"),
    case(127, "GET C/group/1.0/matchesWithinGroup", 200, [AB]),
    case(127, "GET C/group/1.0/matchesWithinGroup?mergeCollection=n", 200, [MERGED]),
    case(127, "GET C/group/1.0/matchesWithinGroup?mergeCollection=n&excludeMatchDetails=true", 200,
         [without_points(MERGED)]),
    case(127, "GET C/group/1.0/matchesWithinGroup?mergeCollection=none", 404, "~none"),
    case(128, "GET C/group/2.0/matchesOutsideGroup", 200, [AC, AD]),
    case(129, "GET C/group/2.0/matchesWith/1.0", 200, [AC, AD]),
    case(130, "GET C/group/2.0/id/c/matchesWith/1.0/id/a", 200, [AC]),
    case(130, "GET C/group/2.0/id/c/matchesWith/1.0/id/zzz", 200, []),
    case(131, "GET C/group/2.0/id/c/matchesWith/1.0", 200, [AC]),
    case(132, "GET C/group/1.0/id/a/", 200, [AB, AC]),
    case(133, "DELETE C/group/1.0/id/a", 200, None, then=("GET C/pGroupIds", ["1.0", "2.0"])),
    case(133, "DELETE C:none/group/1.0/id/a", 404, "~none"),
    case(134, "DELETE C/group/2.0/id/c/matchesWith/1.0/id/a", 200, None,
         then=("GET C/pGroup/1.0/matches", [AB, AD])),
    case(134, "DELETE C/group/9/id/c/matchesWith/1.0/id/a", 200, None),
    case(135, "DELETE C/group/2.0/matchesWith/1.0", 200, None,
         then=("GET C/pGroup/1.0/matches", [AB])),
    case(136, "DELETE C/pGroup/1.0/matches", 200, None, then=("GET C/pGroupIds", ["2.0"])),
    case(137, "DELETE C/group/1.0/matchesOutsideGroup", 200, None,
         then=("GET C/pGroup/1.0/matches", [AB])),
    case(138, "PUT C:new/matches", 201, None, [match("2.0/x", "10.0/y")],
         then=("GET C:new/groupIds", ["10.0", "2.0"])),
    case(138, "PUT C:new/matches", 201, None,
         [{**match("b/x", "a/y"), "matchCount": 99, "matches": {
             "p": [[1], [2]], "q": [[3], [4]], "w": [1]}}],
         then=("GET C:new/pGroup/a/matches", [
             {"pGroupId": "a", "pId": "y", "qGroupId": "b", "qId": "x", "matchCount": 1,
              "matches": {"p": [[3.0], [4.0]], "q": [[1.0], [2.0]], "w": [1.0]}}])),
    case(138, "PUT C:new/matches", 201, None, [], then=("GET /matchCollectionOwners", ["test"])),
    case(138, "PUT C/matches", 400, "~qId", [{"pGroupId": "a", "pId": "b", "qGroupId": "c"}]),
    case(138, "PUT C/matches", 400, "~'x'", [{**match("a/x", "b/y"), "matches": {
        "p": [[1], [2]], "q": [[3, 4], [5, 6]], "w": [1]}}]),
    case(138, "PUT C/matches", 400, "~matches", b""),
    case(138, "PUT C:a-b/matches", 400, "~a-b", []),
    case(139, "GET C/pGroup/2.0/matchCounts", 200, [without_points(EF)]),
    case(139, "GET C:none/pGroup/2.0/matchCounts", 404, "~none"),
    case(140, "PUT C/pGroup/2.0/matchCounts", 201, None),
    case(140, "PUT C/pGroup/9/matchCounts", 400, "~9"),
    case(140, "PUT C:none/pGroup/9/matchCounts", 404, "~none"),
    case(141, "DELETE C", 200, None, then=("GET O/matchCollections", lambda r: len(r.json()) == 1)),
    case(141, "DELETE C:none", 404, "~none"),
    case(142, "PUT C/collectionId", 200, None, {"owner": "test", "name": "moved"},
         then=("GET C:moved/pGroupIds", ["1.0", "2.0"])),
    case(142, "PUT C/collectionId", 400, "~n", {"owner": "test", "name": "n"}),
    case(142, "PUT C:none/collectionId", 404, "~none", {"owner": "test", "name": "moved"}),
    case(0, "GET C:fresh/metadata", 200, {}),
    case(0, "PUT C:fresh/metadata", 200, None, {"local_transforms": 1},
         then=("GET C:fresh/metadata", {"local_transforms": 1})),
    case(0, "PUT C/metadata", 400, "~object", [1]),
    case(0, "POST O/matchChanges", 200, None, {"changes": [{"from": "n", "to": "m"}]},
         then=("GET O/matchCollections", [
             {"collectionId": {"owner": "test", "name": "m"}, "pairCount": 1}])),
    case(0, "POST O/matchChanges", 200, None, {"changes": [
        {"from": "n", "to": "m", "keep": True}]},
         then=("GET O/matchCollections", [
             {"collectionId": {"owner": "test", "name": "m"}, "pairCount": 4}])),
    case(0, "POST O/matchChanges", 200, None, {}),
    case(0, "POST O/matchChanges", 400, "~from", {"changes": [{"to": "m"}]}),
    case(0, "POST O/matchChanges", 400, "~a-b", {"changes": [{"from": "n", "to": "a-b"}]}),
    case(0, "POST O/matchChanges", 400, "~keep", {"changes": [
        {"from": "n", "to": "m", "keep": 3}]}),
    case(0, "POST O/matchChanges", 404, "~none", {"changes": [{"from": "none", "to": "m"}]}),
    case(0, "POST O/matchChanges", 409, "~place", {"changes": [{"from": "m", "to": "m"}]}),
    case(0, "POST O/matchChanges", 404, "~lost", {"locks": [
        {"id": "lost", "stackId": {"project": "p", "stack": "m"}}]}),
]  # fmt: skip
