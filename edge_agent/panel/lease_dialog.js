// Holding a bench, and taking one over from somebody, with a reason that is told to the centre.

import { holderWords } from "./bench_words.js";
import { pushButton } from "./buttons.js";
import { openDialog } from "./dialog.js";
import { make, setText } from "./dom.js";
import { asSlug, holderName, setHolderName } from "./held_leases.js";
import { t } from "./words.js";

const MINUTES = [15, 45, 90];
const USUAL_MINUTES = 45;
const REASONS = ["next-class", "abandoned", "safety", "repair", "mistake", "other"];
const SILENCE_S = 120; // the page asks every 20 s, and browsers slow down pages that are not looked at

/** `lease`: whoever holds it now, or null. `take({holder, for_s, silence_s, reason})` promises, or throws its error. */
export function openLease(name, lease, take, wordsOf) {
  const label = make("label", { for: "lease-holder" }, t("lab.whichScreen"));
  const input = make("input", {
    id: "lease-holder",
    type: "text",
    maxlength: "40",
    autocomplete: "off",
    value: holderName(),
  });
  const means = make("p", { class: "hint" }, t("lab.whichScreenMeans"));
  const minutes = choice(t("lab.howLong"), "lease-minutes", MINUTES, USUAL_MINUTES, (n) => t("unit.min", { n }));
  const reasons = lease ? choice(t("lab.why"), "lease-reason", REASONS, null, (one) => t("lab.reason-" + one)) : null;
  const said = make("p", { class: "pin-said", role: "alert" });
  const go = pushButton({ class: "strong", icon: "hold", text: t(lease ? "lab.takeOver" : "lab.hold"), onPress: send });
  const close = pushButton({ class: "quiet", icon: "cross", text: t("ui.close"), onPress: () => dialog.close() });
  const title = t(lease ? "lab.takeOverAsk" : "lab.holdAsk", { name });
  const dialog = openDialog(title, [
    make("p", null, lease ? t("lab.heldNow", { who: holderWords(lease) }) : t("lab.holdMeans")),
    make("div", { class: "field" }, label, input, means),
    minutes.node,
    reasons ? reasons.node : make("span", { hidden: true }),
    said,
    make("div", { class: "actions" }, go.node, close.node),
  ]);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      send();
    }
  });
  let asking = false;

  async function send() {
    const holder = asSlug(input.value);
    if (asking) {
      return;
    }
    if (holder === "" || (reasons && reasons.value() === null)) {
      setText(said, t(holder === "" ? "lab.whichScreenMissing" : "lab.whyMissing"));
      (holder === "" ? input : reasons.node.querySelector("input")).focus();
      return;
    }
    setHolderName(input.value.trim());
    asking = true;
    const asked = { holder, for_s: minutes.value() * 60, silence_s: SILENCE_S };
    try {
      await take(reasons ? Object.assign(asked, { reason: reasons.value() }) : asked);
      dialog.close();
    } catch (error) {
      setText(said, wordsOf(error));
    }
    asking = false;
  }
}

function choice(legend, name, values, usual, words) {
  const options = values.map((value) => {
    const id = name + "-" + value;
    const input = make("input", { type: "radio", name, id, value, checked: value === usual });
    return make("label", { class: "option", for: id }, input, make("span", null, words(value)));
  });
  const node = make("fieldset", { class: "options" }, make("legend", null, legend), ...options);
  return {
    node,
    value() {
      const at = options.findIndex((option) => option.querySelector("input").checked);
      return at < 0 ? null : values[at];
    },
  };
}
