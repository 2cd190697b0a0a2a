"""Look at section polygons over their images, and correct them, on a page in the browser."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

from argschema import ArgSchema
from argschema.fields import Boolean, Float, InputDir, Int
from marshmallow.validate import Range

from renderapps.module import parameter
from renderapps.module.errors import RenderModuleException
from renderapps.module.file_module import FileModule
from renderapps.section_polygons.polygon_review import PolygonReview
from renderapps.section_polygons.review_server import ADDRESS, ReviewServer


class ReviewSectionPolygonsParameters(ArgSchema):
    """Parameters of review_section_polygons."""

    polygon_dir = parameter(
        InputDir, "folder of polygon files, as create_section_polygons writes them"
    )
    image_dir = parameter(
        InputDir,
        "folder of the images that are no longer where the polygon files say",
        default=None,
        default_text="none",
    )
    port = parameter(
        Int,
        "port of 127.0.0.1 to listen on; 0: any that is free",
        default=0,
        validate=Range(0, 65535),
    )
    open_browser = parameter(Boolean, "open the page in the browser", default=True)
    idle_minutes = parameter(
        Float,
        "end when no page has asked for anything for so long; one that is open "
        "asks every 20 seconds",
        default=30.0,
        validate=Range(0, min_inclusive=False),
    )


class ReviewSectionPolygons(FileModule):
    """Serves the page to this machine only, until Finish is pressed there, or Ctrl-C here.

    Every file is copied to polygon_dir/backups before it is changed, and replaced whole.
    """

    default_schema = ReviewSectionPolygonsParameters

    def run(self) -> None:
        """Serve the page; report what was changed."""
        args = self.args
        images = Path(args["image_dir"]).resolve() if args["image_dir"] else None
        review = PolygonReview(Path(args["polygon_dir"]).resolve(), images)
        try:
            server = ReviewServer(review, args["port"])
        except OSError as error:
            raise RenderModuleException(
                f"port {args['port']} of {ADDRESS} cannot be used: {error.strerror}"
            ) from error
        stream = sys.stderr if args.get("output_json") == "-" else sys.stdout
        stream.write(
            f"review the polygons at {server.url} (Ctrl-C here, or Finish there, to end)\n"
        )
        stream.flush()
        if args["open_browser"]:
            webbrowser.open(server.url)
        ended = server.serve(60 * args["idle_minutes"])
        listing = review.listing()
        self.output(
            {
                "polygon_dir": str(review.folder),
                "ended": ended,
                "saved": [{"name": name} | entry for name, entry in review.saved.items()],
                "reviewed_zs": [entry["z"] for entry in listing if entry["reviewed"]],
                "not_reviewed_zs": [entry["z"] for entry in listing if not entry["reviewed"]],
            }
        )


if __name__ == "__main__":
    ReviewSectionPolygons.main()
