"""Names and texts from outside as a terminal or a comment may show them: a line that does nothing.

File names, channel names and annotations may have line breaks, and codes that terminals obey.
"""

import unicodedata


def shown(text, *, keep="\n\t"):
    r"""Write out what is no visible character: codes of terminals, directions of text, and such.

    ``\x1b`` and the like stand in their place, but for those in ``keep``.
    """
    if text.isprintable():
        return text
    return "".join(
        character.encode("unicode_escape").decode("ascii")
        if unicodedata.category(character)[0] == "C" and character not in keep
        else character
        for character in text
    )
