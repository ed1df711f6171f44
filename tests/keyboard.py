"""A person who has a keyboard and no mouse: goes from one thing to the next by Tab, types, chooses by letters, presses Enter."""

from playwright.sync_api import Locator, Page

MOST_STEPS = 150


class Keyboard:
    """The keyboard of one page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def reach(self, target: Locator) -> Locator:
        """Press Tab until the focus is on something; fails if it can't be reached."""
        handle = target.first.element_handle()
        for _ in range(MOST_STEPS):
            if handle.evaluate("each => each === document.activeElement"):
                return target.first
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{target} can't be reached by Tab on {self.page.url}")

    def press(self, role: str, name: str, *, exact: bool = True) -> None:
        """Go to a button or link and press Enter, then wait for the page that comes."""
        self.reach(self.page.locator("main, header").get_by_role(role, name=name, exact=exact))
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press("Enter")

    def write(self, label: str, text: str) -> None:
        """Go to a field and type over what is there."""
        self.reach(self.page.get_by_label(label, exact=False))
        self.page.keyboard.press("Control+a")
        self.page.keyboard.press("Delete")
        self.page.keyboard.type(text)

    def choose(self, label: str, option: str) -> None:
        """Go to a list and choose by the first letters of an option."""
        found = self.reach(self.page.get_by_label(label, exact=False))
        self.page.keyboard.type(option)
        assert found.evaluate("each => each.selectedOptions[0].text").startswith(option), f"{label} has no {option}"

    def tick(self, label: str) -> None:
        """Go to a box or a radio button and press space."""
        self.reach(self.page.get_by_label(label, exact=False))
        self.page.keyboard.press("Space")

    @property
    def mistakes(self) -> list[str]:
        """The sentences that the page says are wrong, each once, in the order of the page."""
        return list(dict.fromkeys(self.page.locator(".wrong:visible, [role=alert] li:visible").all_inner_texts()))
