"""`pytest -p helpers_as_text`: units hold the text of all their helpers, as where the extension was not built; so flags
that look at code look at these too."""
from __future__ import annotations

from symtensor.runtime import built_in

built_in._found = lambda: ("", None)  # type: ignore[assignment]
