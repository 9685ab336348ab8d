"""What a command that cannot go on says in a line, and the status with which it ends."""

import errno
import functools
import re

import typer

from eegsep._utils.errors import in_a_line
from eegsep._utils.shown import shown

_NO_MEMORY = re.compile("allocate memory|out of memory")
_SCORES_SO_FAR = "Scores so far are kept: the same command goes on."


def in_one_line(stopped=_SCORES_SO_FAR):
    """Make a command tell a refusal, an interruption, a full disk or memory in a line."""

    def decorate(command):
        @functools.wraps(command)
        def run(*args, **kwargs):
            from eegsep._utils.errors import RequestError

            try:
                return command(*args, **kwargs)
            except RequestError as error:
                refuse(str(error))
            except BrokenPipeError:
                raise  # whoever reads has seen enough, as typer knows
            except OSError as error:
                refuse(_say_what_failed(error))
            except (MemoryError, RuntimeError) as error:
                # torch has no error of its own for the memory of a computer
                said = in_a_line(error)
                if not isinstance(error, MemoryError) and not _NO_MEMORY.search(said):
                    raise
                refuse(f"memory does not suffice ({said or 'no more can be had'}).")
            except KeyboardInterrupt:
                typer.echo(f"eegsep: stopped. {stopped}".rstrip(), err=True)
                raise typer.Exit(130) from None

        return run

    return decorate


def end(run):
    """End with a status that tells whether something is missing."""
    if run["failed"]:
        raise typer.Exit(3)


def refuse(message):
    """Say why nothing is done, and end."""
    typer.echo(f"eegsep: {shown(message)}", err=True)
    raise typer.Exit(2)


def _say_what_failed(error):
    """Say in a line what the operating system refused."""
    where = "" if error.filename is None else f"{error.filename}: "
    why = error.strerror or in_a_line(error).rstrip(".")
    # numpy's own error has no number
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or "requested and" in why
    hint = " Make room on the disk and in the temporary folder (TMPDIR sets another)."
    return f"{where}{why}.{hint if full else ''}"
