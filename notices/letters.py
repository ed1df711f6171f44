"""The letters themselves: what members are told, in their language and by their clock, as plain text and as HTML."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal

from notices.due import Notice, Phase, State
from notices.texts import TEXTS, Words

LINE = "font:16px/1.5 sans-serif"
# headers are one line (RFC 5322 §2.1.1): a fold behind the name is read as a blank by some, and an address that does not fit would be encoded
WHOLE = SMTP.clone(max_line_length=998)


@dataclass(frozen=True)
class Office:
    """Who writes: the platform's base address, and the sender as `Name <address>` and as the address alone."""

    base: str
    sender: str
    address: str

    @property
    def domain(self) -> str:
        """What names of letters end with."""
        return self.address.rpartition("@")[2] or "localhost"


@dataclass(frozen=True)
class Letter:
    """What is written, without address; `end` ends letters of this kind without sign-in, `choose` is the member's page of all kinds."""

    subject: str
    paragraphs: tuple[str, ...]
    link: str
    link_says: str
    end: str
    end_says: str
    choose: str
    choose_says: str
    language: str

    @property
    def text(self) -> str:
        """As plain text."""
        foot = f"--\n{self.end_says}\n{self.end}\n{self.choose_says}\n{self.choose}"
        return "\n\n".join([*self.paragraphs, f"{self.link_says}\n{self.link}", foot]) + "\n"

    @property
    def html(self) -> str:
        """As HTML: nothing is loaded from anywhere."""
        body = "".join(f"<p>{escape(each)}</p>" for each in self.paragraphs)
        return (
            f'<!doctype html><html lang="{escape(self.language)}"><head><meta charset="utf-8"><title>{escape(self.subject)}</title></head>'
            f'<body style="{LINE}">{body}<p><a href="{escape(self.link)}">{escape(self.link_says)}</a></p>'
            f'<hr><p><small><a href="{escape(self.end)}">{escape(self.end_says)}</a><br>'
            f'<a href="{escape(self.choose)}">{escape(self.choose_says)}</a></small></p></body></html>\n'
        )


def compose(notice: Notice, language: str, base: str, signed: str) -> Letter:
    """Write what a notice says.

    Parameters
    ----------
    language
        `en`, `es` or `nl`.
    base
        The platform's address, without slash at its end.
    signed
        Token that ends letters of this kind to this member; see `notices.unsubscribe`.
    """
    words, part = TEXTS[language], notice.part
    own = f"{base}/members/{part.member.rsplit('/', 1)[-1]}"
    values = window(notice.state, part.zone, language)
    if notice.state.phase is Phase.SETTLED:
        values |= {
            "energy": format_decimal(part.delivered_kwh or 0, "#,##0.00", locale=language),
            "money": format_currency(part.earned_eur or 0, "EUR", locale=language),
        }
        page = f"{own}/statements/{part.campaign.rsplit('/', 1)[-1]}"
    else:
        page = f"{own}/events"
    subject, said = _said(words, notice, values)
    link_says = words.statement if notice.state.phase is Phase.SETTLED else words.events
    return Letter(
        subject,
        said,
        link=page,
        link_says=link_says,
        end=f"{own}/unsubscribe/{notice.kind}?key={signed}",
        end_says=words.end,
        choose=f"{own}/notices",
        choose_says=words.stop,
        language=language,
    )


def window(state: State, zone: str, language: str) -> dict[str, Any]:
    """The day and the hours of a state by the clock of the site, as people write them; with offsets where the clock is changed between."""
    begin, end = (at.astimezone(ZoneInfo(zone)) for at in (state.begin, state.end))
    changes = begin.utcoffset() != end.utcoffset() or _twice(begin) or _twice(end)
    words = TEXTS[language]
    same_day = end.date() == begin.date() or _midnight_after(begin, end)
    day, last = format_date(begin.date(), words.day, locale=language), ""
    if not same_day:
        last = format_date(end.date(), words.day_of_year, locale=language) + " "
    return {"day": day, "begin": _clock(begin, language, changes), "end": last + _clock(end, language, changes), "zone": zone}


def message(notice: Notice, letter: Letter, address: str, office: Office, date: datetime, number: int) -> bytes:
    """Put a letter into an envelope, as it goes over the wire.

    Parameters
    ----------
    address
        As `wishes.checked` lets it pass.
    date
        When it was written; a letter that is tried again keeps it.
    number
        Which letter about the event it is: the same letter has the same name wherever it is made.

    Raises
    ------
    ValueError
        If a header would not be one line.
    """
    name = hashlib.sha256("\n".join((notice.part.event, notice.kind, notice.state.key, str(number))).encode()).hexdigest()[:32]
    made = EmailMessage(policy=SMTP)
    made["From"] = office.sender
    made["To"] = address
    made["Subject"] = letter.subject
    made["Date"] = format_datetime(date)
    made["Message-ID"] = f"<{name}@{office.domain}>"
    made["Auto-Submitted"] = "auto-generated"
    mailto = f", <mailto:{office.address}?subject=unsubscribe>" if office.address else ""
    made["List-Unsubscribe"] = f"<{letter.end}>{mailto}"
    made["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058 §3.1
    made.set_content(letter.text)
    made.add_alternative(letter.html, subtype="html")
    made["Content-Language"] = letter.language  # last: setting the content drops headers of content
    return made.as_bytes(policy=WHOLE)


def _said(words: Words, notice: Notice, values: dict[str, Any]) -> tuple[str, tuple[str, ...]]:
    subject, said = words.phases[notice.state.phase]
    again = notice.kind == "changed" and notice.state.phase in (Phase.PLANNED, Phase.STANDBY)
    return (words.resumed if again else "%s") % (subject % values), tuple(each % values for each in said)


def _clock(at: datetime, language: str, with_offset: bool) -> str:
    shown, offset = format_time(at.time(), "HH:mm", locale=language), f"{at:%z}"
    return f"{shown} (UTC{offset[:3]}:{offset[3:]})" if with_offset else shown


def _twice(at: datetime) -> bool:
    """Whether the clock shows this time twice, because it is put back."""
    return at.replace(fold=0).utcoffset() != at.replace(fold=1).utcoffset()


def _midnight_after(begin: datetime, end: datetime) -> bool:
    return end.time() == datetime.min.time() and end.date() == begin.date() + timedelta(days=1)
