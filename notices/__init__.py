"""Members hear of events before they start: by e-mail, as a calendar, on their page.

Reads events, contracts and campaigns, and addresses in graph `people`; writes what was decided and what became of it to a file of its own.
`due` decides, `letters` writes, `unsubscribe` signs the way out, `post` keeps and sends, `calendar` and `feeds` show, `wishes` knows who
wants what; `desk` puts them together. It must not know of Flask.
"""

from notices.desk import Clocks, Desk
from notices.due import Kind, Phase, State
from notices.errors import NoticeError, WishError
from notices.letters import Office
from notices.post import Entry, Status
from notices.smtp import Smtp
from notices.wishes import Wish

__all__ = ["Clocks", "Desk", "Entry", "Kind", "NoticeError", "Office", "Phase", "Smtp", "State", "Status", "Wish", "WishError"]
