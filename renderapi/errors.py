"""Everything the client, the data model and the renderer raise on purpose.

RenderError                     root: what was wrong, with which stack, tile or file
 +- ClientScriptError           a bulk operation (or the Java script configured for it) failed
 +- ConversionError             points or a transform cannot be expressed in the form asked for
 +- EstimationError             a transform cannot be fitted to the points given
 +- SpecError                   a tile, transform or render-parameters document is malformed
 |   +- UnresolvedReference     a reference names a shared transform that is not there
 +- ImageError                  an image or mask cannot be found, read or drawn
 |   +- SourceNotAllowed        the image lies outside the folders or hosts the service may open
 |   +- NotAnImage              what a service answered is no image (also an OSError, as Pillow's)
 +- RequestError                a render web service answered with an error, or not at all
     +- NotFoundError           the service has no such stack, tile, section or collection (404)
     +- ConflictError           the state of the stack forbids the operation (409)
"""

from __future__ import annotations


class RenderError(Exception):
    """Root of the errors raised by this suite."""


class ClientScriptError(RenderError):
    """A bulk operation, or the Java script configured for it, failed or was asked for nonsense."""


class ConversionError(RenderError):
    """Points or a transform cannot be expressed in the form asked for."""


class EstimationError(RenderError):
    """A transform cannot be fitted to the points given."""


class SpecError(RenderError):
    """A tile, transform or render-parameters document is malformed."""


class UnresolvedReference(SpecError):
    """A reference names a shared transform that is not there."""


class ImageError(RenderError):
    """An image or mask cannot be found, read or drawn."""


class SourceNotAllowed(ImageError):
    """The image lies outside the folders or hosts that the service may open."""


class NotAnImage(ImageError, OSError):
    """What a service answered is no image; an OSError too, as what Pillow raises is."""


class RequestError(RenderError):
    """A render web service answered with an error, or not at all.

    Attributes
    ----------
    status : int or None
        HTTP status; None when there was no answer.
    url : str
        The request.
    """

    def __init__(self, message: str, status: int | None = None, url: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.url = url


class NotFoundError(RequestError):
    """The service has no such stack, tile, section or collection."""


class ConflictError(RequestError):
    """The state of the stack forbids the operation."""
