"""Modules of the theme materialize in the laboratory that came after the first ones."""


def parameters(lab, at):
    return {
        "materialize.download_volume": {"stack": "acquired", "volume_dir": at("volume")},
        "materialize.export_scene": {
            "input_stack": "acquired",
            "output_scene": at("scene.ome.zarr"),
            "nonaffine": "fit",
        },
        "materialize.make_downsample_image_stack": {
            "input_stack": "acquired",
            "output_stack": "made",
            "image_directory": at("low"),
            "numsectionsfile": at("count.txt"),
            "scale": 0.1,
        },
    }
