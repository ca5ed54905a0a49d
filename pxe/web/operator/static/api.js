// The API, and its stream of boots. The same origin only; a login is a cookie that scripts cannot read.

const BASE = "/api/v1";

export async function call(path, method = "GET", body = undefined, headers = {}) {
  const options = { method, headers: { Accept: "application/json", "X-Bootlab": "page", ...headers } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(BASE + path, options);
  if (response.status === 401) {
    location.reload(); // the service answers with its login
    throw new Error("you are not logged in any more");
  }
  const told = response.status === 204 ? {} : await response.json();
  if (!response.ok) throw new Error(told.error || `the service answered ${response.status}`);
  return { told, etag: response.headers.get("ETag") };
}

export const get = async (path) => (await call(path)).told;

/** Follow the boots. `on`: {boot, progress, changed, results, up, down}. EventSource comes back by itself, but not from
 * an answer other than 200, which a service that is starting gives. */
export function follow(on) {
  let last = 0;
  let source = null;
  const heard = (take) => (event) => {
    last = Number(event.lastEventId) || last;
    take(JSON.parse(event.data));
  };
  const open = () => {
    source = new EventSource(`${BASE}/boots/stream?since=${last}`);
    source.onopen = on.up;
    for (const kind of ["boot", "progress", "changed", "results"]) source.addEventListener(kind, heard(on[kind]));
    source.onerror = () => {
      on.down();
      if (source.readyState === EventSource.CLOSED) setTimeout(open, 2000);
    };
  };
  open();
}
