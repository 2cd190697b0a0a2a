"""Make figures of chosen annotations, on black."""

from __future__ import annotations

from collections.abc import Sequence

from argschema.fields import List, Str

from renderapps.module import RenderModuleException, parameter
from renderapps.TrakEM2.annotations import AreaList
from renderapps.TrakEM2.synaptograms import DARK, SynaptogramModule
from renderapps.TrakEM2.synaptograms import (
    MakeAnnotationSynaptogramParameters as SynaptogramParameters,
)


class MakeAnnotationSynaptogramParameters(SynaptogramParameters):
    """Parameters of MakeSynaptogramsFromAnnotation_OidList."""

    synapses_to_make = parameter(
        List, "oids of the annotations to show", Str(), default=None, default_text="all"
    )


class MakeAnnotationSynaptograms(SynaptogramModule):
    """As make_synaptograms_from_annotations, up to 16 sections, with four letters for a row."""

    default_schema = MakeAnnotationSynaptogramParameters
    style = DARK

    def chosen(self, annotations: Sequence[AreaList]) -> list[AreaList]:
        """Those that are asked for, in the order of the file; all of them must be there."""
        wanted = self.args["synapses_to_make"]
        if wanted is None:
            return list(annotations)
        there = {areas.oid for areas in annotations}
        missing = [oid for oid in wanted if oid not in there]
        if missing:
            raise RenderModuleException(
                f"{self.args['global_annotation_file']} has no annotation {missing[0]}"
            )
        return [areas for areas in annotations if areas.oid in set(wanted)]


if __name__ == "__main__":
    MakeAnnotationSynaptograms.main()
