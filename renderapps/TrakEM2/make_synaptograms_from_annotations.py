"""Make a figure for each annotation: channels from top to bottom, sections from left to right."""

from __future__ import annotations

from renderapps.TrakEM2.synaptograms import (
    LIGHT,
    ChannelStack,
    MakeAnnotationSynaptogramParameters,
    SynaptogramModule,
)

__all__ = ["ChannelStack", "MakeAnnotationSynaptogramParameters", "MakeAnnotationSynaptograms"]


class MakeAnnotationSynaptograms(SynaptogramModule):
    """Annotations of more than 15 sections, or larger than max_width, get a record but no figure.

    An image that the service cannot make is left black and named in the output JSON.
    """

    default_schema = MakeAnnotationSynaptogramParameters
    style = LIGHT


if __name__ == "__main__":
    MakeAnnotationSynaptograms.main()
