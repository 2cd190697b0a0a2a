"""Modules of the theme TrakEM2 in the laboratory: a project of `acquired`, with annotations."""

from __future__ import annotations

import re
from pathlib import Path

from renderapps.TrakEM2.create_trakem2_subvolume_from_render import CreateTrakEM2Project
from renderapps.TrakEM2.ImportTrakEM2Annotations import ImportTrakEM2Annotations
from renderapps.TrakEM2.transform_local_annotation_json_to_global import TransformLocalAnnotation

RING = '<t2_path d="M 10 10 L 30 10 L 30 30 z"/>'


def files(lab):
    """`xml/0-1/project.xml`, `local.json`, `frames.json` and `global.json`."""
    Path(lab.path("voxels.csv")).write_text("1,1,0,2,1,0,1,1,1,\n")
    render = {"render": lab.connection}
    CreateTrakEM2Project(input_data=render | _box(lab), args=["--log_level", "ERROR"]).run()
    project = Path(_project(lab))
    text = project.read_text("latin-1")
    for number, z in enumerate(("0.0", "1.0")):
        layer = re.search(rf'<t2_layer oid="(\d+)" thickness="1.0" z="{z}"', text)[1]
        area = f'<t2_area layer_id="{layer}">{RING}</t2_area>'
        drawn = f'<t2_area_list oid="{900 + number}">{area}</t2_area_list>'
        place = text.index("<t2_layer ")
        text = text[:place] + drawn + text[place:]
    project.write_text(text, "latin-1")
    local = render | _local(lab, lab.path)
    ImportTrakEM2Annotations(input_data=local, args=["--log_level", "ERROR"]).run()
    world = render | _global(lab, lab.path)
    TransformLocalAnnotation(input_data=world, args=["--log_level", "ERROR"]).run()


def _project(lab):
    return lab.path("xml", "0-1", "project.xml")


def _box(lab):
    return {
        "inputStack": "acquired",
        "outputStack": "made",
        "outputXMLdir": lab.path("xml"),
        **{"minX": 0, "minY": 0, "maxX": 220, "maxY": 220},
    }


def _local(lab, at):
    return {
        "EMstack": "acquired",
        "trakem2project": _project(lab),
        "output_annotation_file": at("local.json"),
        "output_bounding_box_file": at("frames.json"),
    }


def _global(lab, at):
    return {
        "stack": "acquired",
        "input_annotation_file": lab.path("local.json"),
        "output_annotation_file": at("global.json"),
    }


def parameters(lab, at):
    figures = {
        "global_annotation_file": lab.path("global.json"),
        "fig_directory": at("figures"),
        "annotation_metadata_json": at("records.json"),
        "channel_stacks": [{"stack": "acquired"}, {"stack": "again", "maxIntensity": 4000}],
        "border": 20,
    }
    return {
        "TrakEM2.ImportTrakEM2Annotations": _local(lab, at),
        "TrakEM2.create_render_stack_from_trakem2": {
            "input_stack": "acquired",
            "output_stack": "made",
            "tem2project": _project(lab),
        },
        "TrakEM2.create_trakem2_subvolume_from_render": _box(lab) | {"outputXMLdir": at("xml")},
        "TrakEM2.reimport_trakem2_to_render": _box(lab),
        "TrakEM2.transform_local_annotation_json_to_global": _global(lab, at),
        "TrakEM2.make_annotation_stack": {
            "input_stack": "acquired",
            "annotation_stack": "made",
            "global_file": lab.path("global.json"),
            "annotation_dir": at("painted"),
        },
        "TrakEM2.make_synaptograms_from_annotations": figures,
        "TrakEM2.MakeSynaptogramsFromAnnotation_OidList": figures | {"synapses_to_make": ["900"]},
        "TrakEM2.MakeTrakEM2QCFigures": {
            "annotationFile": lab.path("global.json"),
            "outputDir": at("qc"),
        },
        "TrakEM2.create_annotation_from_anish_csv": {
            "stack": "acquired",
            "csv_file": lab.path("voxels.csv"),
            "json_file": at("detections.json"),
        },
    }


UNCONNECTED = {"TrakEM2.MakeTrakEM2QCFigures"}
