// What can be given to the kits of the tab, how the last job goes, and, for technicians, the firmware.

import { pushButton } from "./buttons.js";
import { keepChildren, keepTexts, make, setAttribute, setText } from "./dom.js";
import { jobWords, programName, tallyWords } from "./robots_words.js";
import { t } from "./words.js";

/** `{node, update(state)}`: the last job. */
export function jobView(acts) {
  const title = make("h2", { id: "job-title" });
  const tally = make("p", { class: "job-tally" });
  const bar = make("progress", { max: "100", "aria-labelledby": "job-title" });
  const again = pushButton({ class: "strong", icon: "again", onPress: acts.retry });
  const node = make(
    "section",
    { class: "card job", "aria-labelledby": "job-title" },
    title,
    bar,
    tally,
    make("div", { class: "actions" }, again.node)
  );
  return {
    node,
    update(state) {
      const job = state.job;
      const count = state.tally();
      node.hidden = job === null;
      if (job === null) {
        return;
      }
      const over = job.ended !== null;
      setAttribute(node, "data-state", over ? (count.failed ? "failed" : "done") : "working");
      setText(title, jobWords(job, count, state.library));
      setText(tally, tallyWords(count));
      bar.hidden = over;
      setAttribute(bar, "value", count.percent);
      const may = over && count.failed > 0;
      again.node.parentNode.hidden = !may;
      again.text(t("robots.retry", { count: count.failed }));
      again.refuse(state.link === "live" ? null : t("ui.notWhileAway"));
    },
  };
}

/** `{node, update(state)}`: the programs of the library. */
export function programsView(acts) {
  const list = make("ul", { class: "program-list" });
  const none = make("p", null, make("strong", null, t("robots.noLibrary")), " " + t("robots.noLibraryMeans"));
  const wrong = make("p", { class: "device-problem" }, make("strong", null, t("robots.wrongLibrary")));
  const problems = make("ul", { class: "library-problems" });
  const heading = make("h2", { id: "programs-title" }, t("robots.programs"));
  const inside = [heading, none, wrong, problems, list];
  const node = make("section", { class: "card", "aria-labelledby": "programs-title" }, ...inside);
  return {
    node,
    update(state) {
      const library = state.library;
      wrong.hidden = library.problems.length === 0;
      none.hidden = library.programs.length > 0 || library.problems.length > 0;
      keepTexts(problems, state.isTechnician() ? library.problems : []);
      const items = state.programs().map((program) => ({ program, state }));
      keepChildren(list, items, (item) => item.program.name, (item) => programView(item.program.name, acts));
    },
  };
}

function programView(name, acts) {
  const title = make("h3");
  const facts = make("p", { class: "program-facts" });
  const unfit = make("p", { class: "program-unfit" });
  const run = pushButton({ class: "strong program-run", icon: "start", onPress: () => acts.deploy(name, true) });
  const only = pushButton({ class: "program-only", text: t("robots.deploy"), onPress: () => acts.deploy(name, false) });
  const node = make(
    "li",
    { class: "program", "data-program": name },
    make("div", { class: "program-words" }, title, facts, unfit),
    make("div", { class: "actions" }, run.node, only.node)
  );
  return {
    node,
    update({ program, state }) {
      const kits = state.chosen();
      const able = kits.filter((kit) => kit.holds_programs);
      setText(title, programName(program) + " " + program.version);
      const on = t("robots.onKits", { count: state.has(program).length, all: able.length || kits.length });
      setText(facts, program.firmware ? on + " · " + t("robots.needs", { range: program.firmware }) : on);
      const others = kits.filter((kit) => kit.other_firmware.includes(program.name)).length;
      unfit.hidden = others === 0;
      setText(unfit, t("robots.unfit", { count: others }));
      run.text(t("robots.deployRun", { count: kits.length }));
      only.label(t("robots.deployOf", { program: programName(program), count: kits.length }));
      const refusal = state.link !== "live" ? t("ui.notWhileAway") : null;
      run.refuse(refusal);
      only.refuse(refusal);
    },
  };
}

/** `{node, update(state)}`: shown to technicians only. */
export function firmwaresView(acts) {
  const list = make("ul", { class: "firmware-list" });
  const heading = make("h2", { id: "firmwares-title" }, t("robots.firmwares"));
  const node = make("section", { class: "card", "aria-labelledby": "firmwares-title" }, heading, list);
  return {
    node,
    update(state) {
      node.hidden = !state.isTechnician() || state.library.firmwares.length === 0;
      const items = node.hidden ? [] : state.library.firmwares.map((firmware) => ({ firmware, state }));
      keepChildren(list, items, (item) => item.firmware.name, (item) => {
        const button = pushButton({ icon: "warning", onPress: () => acts.flash(item.firmware.name) });
        return {
          node: make("li", { "data-firmware": item.firmware.name }, button.node),
          update({ firmware, state: now }) {
            const words = { firmware: firmware.name + " " + firmware.version, count: now.chosen().length };
            button.text(t("robots.flash", words));
            button.refuse(now.link === "live" ? null : t("ui.notWhileAway"));
          },
        };
      });
    },
  };
}
