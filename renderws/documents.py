"""Shapes of the JSON documents of the contract (section 2): their keys and types."""

from __future__ import annotations

from typing import Annotated, TypedDict

import msgspec

# integers that JSON writers and SQLite know
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class MipmapPathBuilder(TypedDict, total=False):
    """Where the reduced images of a stack are."""

    rootPath: str
    numberOfLevels: Integer
    extension: str
    imageMipmapPatternString: str | None


class ImageAndMask(TypedDict, total=False):
    """Source of the pixels of one pyramid level."""

    imageUrl: str | None
    imageLoaderType: str | None
    imageSliceNumber: Integer | None
    maskUrl: str | None
    maskLoaderType: str | None
    maskSliceNumber: Integer | None


class Channel(TypedDict, total=False):
    """One channel of a tile."""

    name: str | None
    minIntensity: float | None
    maxIntensity: float | None
    mipmapLevels: dict[str, ImageAndMask | None] | None
    mipmapPathBuilder: MipmapPathBuilder | None


class Layout(TypedDict, total=False):
    """How a tile was acquired."""

    sectionId: str | None
    temca: str | None
    camera: str | None
    imageRow: Integer | None
    imageCol: Integer | None
    stageX: float | None
    stageY: float | None
    rotation: float | None
    pixelsize: float | None
    distanceZ: float | None


class Labels(TypedDict, total=False):
    """The labels of a transform."""

    labels: list[str] | None


# one of its keys is a word of the language, hence not a class
Transform = TypedDict(
    "Transform",
    {
        "type": "str | None",
        "id": "str | None",
        "metaData": "Labels | None",
        "className": "str | None",
        "dataString": "str | None",
        "specList": "list[Transform] | None",
        "refId": "str | None",
        "a": "Transform | None",
        "b": "Transform | None",
        "lambda": "float | None",
    },
    total=False,
)


class Tile(TypedDict, total=False):
    """A tile specification."""

    tileId: str | None
    layout: Layout | None
    groupId: str | None
    z: float | None
    minX: float | None
    minY: float | None
    maxX: float | None
    maxY: float | None
    width: float | None
    height: float | None
    minIntensity: float | None
    maxIntensity: float | None
    mipmapLevels: dict[str, ImageAndMask | None] | None
    channels: list[Channel] | None
    mipmapPathBuilder: MipmapPathBuilder | None
    transforms: Transform | None
    meshCellSize: float | None
    labels: list[str] | None


class ResolvedTiles(TypedDict, total=False):
    """Tiles together with the transforms that they share."""

    transformIdToSpecMap: dict[str, Transform] | None
    tileIdToSpecMap: dict[str, Tile] | None


class StackVersion(TypedDict, total=False):
    """What describes one version of a stack."""

    createTimestamp: str | float | None
    versionNotes: str | None
    cycleNumber: Integer | None
    cycleStepNumber: Integer | None
    stackResolutionX: float | None
    stackResolutionY: float | None
    stackResolutionZ: float | None
    materializedBoxRootPath: str | None
    mipmapPathBuilder: MipmapPathBuilder | None
    alignmentQuality: float | None
    defaultChannel: str | None


class StackIdentity(TypedDict, total=False):
    """Identity of a stack."""

    owner: str | None
    project: str | None
    stack: str | None


class CollectionIdentity(TypedDict, total=False):
    """Identity of a match collection."""

    owner: str | None
    name: str | None


class Bounds(TypedDict, total=False):
    """A box in world pixels and z."""

    minX: float | None
    minY: float | None
    minZ: float | None
    maxX: float | None
    maxY: float | None
    maxZ: float | None


class HierarchicalStack(TypedDict, total=False):
    """Place of a stack in a hierarchical alignment."""

    roughTilesStackId: StackIdentity | None
    parentTierStackId: StackIdentity | None
    alignedStackId: StackIdentity | None
    warpTilesStackId: StackIdentity | None
    tier: Integer | None
    tierRow: Integer | None
    tierColumn: Integer | None
    totalTierRowCount: Integer | None
    totalTierColumnCount: Integer | None
    scale: float | None
    fullScaleBounds: Bounds | None
    matchCollectionId: CollectionIdentity | None
    savedMatchPairCount: Integer | None
    splitGroupIds: list[str] | None
    alignmentQuality: float | None


class Points(TypedDict, total=False):
    """Corresponding points: rows of coordinates of both canvases, and weights."""

    p: list[list[float]] | None
    q: list[list[float]] | None
    w: list[float] | None


class ConsensusSet(TypedDict, total=False):
    """Which of several match sets of one pair a document holds."""

    index: Integer | None
    originalPId: str | None
    originalQId: str | None


class CanvasMatches(TypedDict, total=False):
    """The point matches of a pair of canvases."""

    pGroupId: str | None
    pId: str | None
    qGroupId: str | None
    qId: str | None
    consensusSetData: ConsensusSet | None
    matches: Points | None


class TileCoordinates(TypedDict, total=False):
    """A point in a tile, in the world, or both."""

    tileId: str | None
    visible: bool | None
    local: list[float] | None
    world: list[float] | None
    error: str | None


class ResidualQuery(TypedDict, total=False):
    """Which pair of tiles is compared with its matches, and how their points are to be taken."""

    matchRenderStackId: StackIdentity | None
    matchCollectionId: CollectionIdentity | None
    pTileId: str | None
    qTileId: str | None
    localTransforms: Integer | None


class JobProcess(TypedDict, total=False):
    """The process of a run, as `renderapi.processes` names it."""

    machine: str | None
    pid: Integer | None
    started: str | None


class JobProgress(TypedDict, total=False):
    """How far a run has come."""

    description: str | None
    done: Integer | None
    total: Integer | None


class JobStep(TypedDict, total=False):
    """A module that was run by a run."""

    module: str | None
    state: str | None
    seconds: float | None


class JobOutput(TypedDict, total=False):
    """A stack or match collection that a run writes."""

    kind: str | None
    owner: str | None
    project: str | None
    name: str | None


class Job(TypedDict, total=False):
    """What a run of a module says of itself. `elapsed` are seconds since it was started, `silence`
    how long it may be silent before it counts as lost, `number` grows with each time that it says
    something. Its parameters, whatever they are, go with it.
    """

    module: str | None
    owner: str | None
    project: str | None
    user: str | None
    host: str | None
    process: JobProcess | None
    state: str | None
    number: Integer | None
    elapsed: float | None
    silence: float | None
    progress: JobProgress | None
    steps: list[JobStep] | None
    outputs: list[JobOutput] | None
    summary: str | None
    error: str | None
    report: str | None
    log: list[str] | None
