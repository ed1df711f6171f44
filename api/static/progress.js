// Follows work under way, and goes on to its result when it has ended; without this there is a link to look again.
(() => {
  const place = document.querySelector("[data-progress]");
  if (!place) return;
  const bar = place.querySelector("progress");
  const figure = place.querySelector("[data-figure]");
  const ask = async () => {
    const answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    const work = await answer.json();
    if (work.ended) {
      window.location.replace(place.dataset.then);
      return;
    }
    if (work.total && figure) {
      bar.max = work.total;
      bar.value = work.done;
      const number = new Intl.NumberFormat(document.documentElement.lang);
      figure.textContent = `${number.format(work.done)} / ${number.format(work.total)}`;
    }
    window.setTimeout(ask, 1000);
  };
  window.setTimeout(ask, 700);
})();
