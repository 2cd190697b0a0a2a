// Time stamps and durations as people read them.

const pad = (number) => String(number).padStart(2, "0");

// a time stamp of the service in local time; what is none is shown as it is
export function localTime(stamp, { seconds = false } = {}) {
  const date = new Date(stamp);
  if (Number.isNaN(date.getTime())) return stamp ?? "";
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}${seconds ? `:${pad(date.getSeconds())}` : ""}`;
}

// the same without the day where that is today
export function recentTime(stamp) {
  const [day, time] = localTime(stamp, { seconds: true }).split(" ");
  return localTime(new Date()).startsWith(day) ? time : `${day} ${time}`;
}

export function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}:${pad(whole % 60)} min`;
  return `${Math.floor(whole / 3600)}:${pad(Math.floor((whole % 3600) / 60))} h`;
}
