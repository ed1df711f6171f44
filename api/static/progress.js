// Follows work under way, and goes on to its result when it has ended; without this there is a link to look again.
(() => {
  const place = document.querySelector("[data-progress]");
  if (!place) return;
  const bar = place.querySelector("progress");
  const figure = place.querySelector("[data-figure]");
  const onward = () => window.location.replace(place.dataset.then);
  const show = (work) => {
    if (!work.total || !figure) return;
    bar.max = work.total;
    bar.value = work.done;
    const number = new Intl.NumberFormat(document.documentElement.lang);
    figure.textContent = `${number.format(work.done)} / ${number.format(work.total)}`;
  };
  const ask = async () => {
    let answer = null;
    try {
      answer = await fetch(place.dataset.progress, { headers: { Accept: "application/json" } });
    } catch {
      // the platform can't be reached just now: it is asked again
    }
    if (answer?.status === 404) return onward(); // it was started anew meanwhile; the result's page says what is known
    if (answer?.ok) {
      const work = await answer.json();
      if (work.ended) return onward();
      show(work);
    }
    window.setTimeout(ask, answer?.ok ? 1000 : 3000);
  };
  window.setTimeout(ask, 700);
})();
