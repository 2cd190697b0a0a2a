"""The seam of all bulk operations: a Java script where one is configured, else Python, here."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from renderapi.errors import ClientScriptError
from renderapi.render import DEFAULT_HEAP
from renderapi.session import LOCAL_SCHEME

logger = logging.getLogger(__name__)

_MODES = ("call", "check_call", "check_output")
_SUBPROCESS_KEYWORDS = (
    "bufsize",
    "executable",
    "stdin",
    "stdout",
    "stderr",
    "preexec_fn",
    "close_fds",
    "shell",
    "cwd",
    "env",
    "universal_newlines",
    "startupinfo",
    "creationflags",
)


class ScriptNotFound(ClientScriptError, FileNotFoundError):
    """The client script that is configured is not there."""


def require_script(client_script: str | None, cwd: str | None = None) -> None:
    """Raise `ScriptNotFound` where a script is configured and there is none to run.

    For operations that change something before they run Java.
    """
    if client_script is None or os.path.isfile(os.path.join(cwd or "", client_script)):
        return
    if shutil.which(client_script) is None:
        raise ScriptNotFound(_no_script(client_script))


def _no_script(client_script: str) -> str:
    return (
        f"client script {client_script} is not a file; without client_script and client_scripts "
        "the operation runs in Python"
    )


def run_subprocess_mode(
    args: Sequence[str], subprocess_mode: str | None = None, **kwargs: Any
) -> Any:
    """Run a program.

    Parameters
    ----------
    args : sequence of str
        The program and its arguments.
    subprocess_mode : str, optional
        call (gives the exit status), check_call (the default: fails unless that is 0) or
        check_output (gives what the program printed).
    **kwargs
        Those that `subprocess.Popen` knows (cwd, env, stderr, ...) are passed on to it.
    """
    used = {name: kwargs[name] for name in _SUBPROCESS_KEYWORDS if name in kwargs}
    return getattr(subprocess, _known_mode(subprocess_mode))(args, **used)


def _known_mode(mode: str | None) -> str:
    if mode in _MODES:
        return str(mode)
    if mode is not None:
        logger.warning("unknown subprocess_mode %r, using check_call", mode)
    return "check_call"


def call_run_ws_client(
    className: str,
    add_args: Sequence[Any] = (),
    renderclient: Any = None,
    memGB: str | None = None,
    client_script: str | None = None,
    **kwargs: Any,
) -> Any:
    """Run a bulk operation.

    Parameters
    ----------
    className : str
        Java class of the client, such as org.janelia.render.client.ImportJsonClient.
    add_args : sequence
        Its arguments; each is sent as its text.
    renderclient : RenderClient, optional
        Gives `memGB` and `client_script` where they are not given.
    memGB : str, optional
        Heap of the Java process; "1G" by default. Without meaning in Python.
    client_script : str, optional
        Script that runs Java. Without one, the operation runs in this process, in Python.
    **kwargs
        subprocess_mode and further keywords of `run_subprocess_mode`; session.

    Raises
    ------
    ClientScriptError
        The operation failed (unless subprocess_mode is "call").
    ScriptNotFound
        There is no such script (also a FileNotFoundError).
    """
    if renderclient is not None:
        memGB = renderclient.memGB if memGB is None else memGB
        script = getattr(renderclient, "client_script", None)
        client_script = client_script or script
    arguments = [str(argument) for argument in add_args]
    if not client_script:
        return _run_here(className, arguments, kwargs)
    if memGB is None:
        logger.warning("no memory given for Java clients, using %s", DEFAULT_HEAP)
        memGB = DEFAULT_HEAP
    try:
        return run_subprocess_mode([client_script, memGB, className, *arguments], **kwargs)
    except subprocess.CalledProcessError as error:
        raise ClientScriptError(f"{error}{_hint(arguments)}") from error
    except FileNotFoundError as error:
        if error.filename != client_script:
            raise
        raise ScriptNotFound(_no_script(client_script)) from error


def _hint(arguments: Sequence[str]) -> str:
    if not any(argument.startswith(LOCAL_SCHEME) for argument in arguments):
        return ""
    return "; Java cannot reach the embedded service: connect without client_scripts"


def _run_here(class_name: str, arguments: list[str], kwargs: dict[str, Any]) -> Any:
    from renderapi.client.programs import run_program

    mode = _known_mode(kwargs.get("subprocess_mode"))
    try:
        run_program(class_name, arguments, kwargs.get("session"))
    except Exception as error:
        if mode == "call":
            logger.error("%s: %s", class_name, error)
            return 1
        if isinstance(error, ClientScriptError):
            raise
        raise ClientScriptError(f"{class_name.rpartition('.')[2]}: {error}") from error
    return b"" if mode == "check_output" else 0
