// Pictures that the service could not draw: what it says of one of them is shown, since a failed picture says nothing.

export function watchFailures(show, ask = (source) => fetch(source)) {
  const failed = new Map(); // address of a picture -> what the service says of it
  let asking = false;

  async function reason(source) {
    try {
      const answer = await ask(source);
      return answer.ok ? "the picture cannot be read" : (await answer.text()) || `the service answered ${answer.status}`;
    } catch (error) {
      return `the service does not answer (${error.message})`;
    }
  }

  function tell() {
    const text = [...failed.values()].find((one) => one);
    const count = failed.size === 1 ? "a picture" : `${failed.size} pictures`;
    show(failed.size ? `${count} cannot be drawn${text ? `: ${text}` : ""}` : "");
  }

  return {
    async note(source) {
      failed.set(source, failed.get(source) ?? "");
      if (!asking && ![...failed.values()].some((one) => one)) {
        asking = true;
        const text = await reason(source);
        asking = false;
        if (failed.has(source)) failed.set(source, text);
      }
      tell();
    },
    has: (source) => failed.has(source),
    // forget them, and give their addresses: other settings may be drawn, and these tried again
    clear() {
      const sources = [...failed.keys()];
      failed.clear();
      tell();
      return sources;
    },
  };
}
