// What a person may change of a machine. The API and the command line can do all of it as well.

import { call } from "./api.js";
import { h, shown } from "./dom.js";

const MAY = new Set(["operator", "admin"]);
export const may = (role) => MAY.has(role);

/** The buttons for a machine; none for a viewer. */
export function actions(store, mac, machine, role) {
  if (!may(role)) return [h("span", { class: "soft" }, "You may look; changes need the role operator.")];
  if (!machine) return [adopt(store, mac)];
  const name = shown(machine.name || mac, 60);
  const hold = machine.hold
    ? button("Release", `Let ${name} boot again?`, () => call(`/machines/${mac}/release`, "POST", {}))
    : button("Hold", `Keep ${name} from booting anything until it is released? What runs now goes on.`, () => call(`/machines/${mac}/hold`, "POST", {}));
  return [hold,
    picker(store, "Boot once", machine.next_plan, (plan) => [
      plan ? `Boot ${name} with plan ${plan} at its next start, once?` : `Boot ${name} as always at its next start?`,
      () => call(`/machines/${mac}/next`, "POST", { plan })]),
    picker(store, "Plan", machine.plan, (plan) => [
      plan ? `Boot ${name} with plan ${plan} from its next start on?` : `Let the rules say what ${name} boots?`,
      () => change(mac, { plan })])];
}

/** Change fields of a machine as it is now: the service refuses where somebody else was quicker. */
async function change(mac, fields) {
  const { told, etag } = await call(`/machines/${mac}`);
  delete told.source;
  await call(`/machines/${mac}`, "PUT", { ...told, ...fields }, etag ? { "If-Match": etag } : {});
}

function adopt(store, mac) {
  const name = h("input", { type: "text", maxlength: "64", "aria-label": `Name for ${mac}`, placeholder: "name" });
  const plan = select(store, null, "what the rules say");
  return h("span", { class: "adopt" }, name, plan, button("Add machine", () => `Add ${mac} as ${name.value || "a machine without a name"}?`,
    () => call(`/machines/${mac}`, "PUT", { name: name.value, plan: plan.value || null })));
}

export { adopt };

function select(store, chosen, none) {
  const options = store.plans.map((plan) => h("option", { value: plan.name, selected: plan.name === chosen }, shown(plan.name, 60)));
  return h("select", { "aria-label": "plan" }, h("option", { value: "" }, none), options);
}

function picker(store, word, chosen, question) {
  const plans = select(store, chosen, word === "Plan" ? "what the rules say" : "nothing special");
  plans.setAttribute("aria-label", `${word}: plan`);
  return h("span", { class: "picker" }, plans, button(word === "Plan" ? "Set plan" : word, () => question(plans.value || null)[0], () => question(plans.value || null)[1]()));
}

function button(word, question, act) {
  return h("button", { type: "button", onclick: () => confirm(word, typeof question === "function" ? question() : question, act) }, word);
}

/** Ask first; tell what came of it. */
function confirm(word, question, act) {
  const before = document.activeElement;
  const yes = h("button", { type: "submit", class: "primary" }, word);
  const no = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", { method: "dialog" }, h("p", { id: "question" }, question), h("div", { class: "actions" }, yes, no));
  const dialog = h("dialog", { "aria-labelledby": "question" }, form);
  form.addEventListener("submit", async () => {
    try {
      await act();
      say(`${word}: done`);
      document.dispatchEvent(new CustomEvent("bootlab-changed"));
    } catch (error) {
      say(`${word}: ${error.message}`, true);
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    before?.focus();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** One line for everybody, read out once. */
export function say(sentence, bad = false) {
  const line = document.getElementById("said");
  line.textContent = sentence;
  line.dataset.bad = String(bad);
}
