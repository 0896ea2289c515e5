// SPDX-License-Identifier: MIT
// The page's script: a crosshair that reads all charts at one step, runs that are highlighted when pointed at, and the theme.
#include "tools/report/page.h"

namespace brink::report {

std::string_view page_script() {
  return R"((() => {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  const superscript = n => String(n).replace(/./g, c => c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[c]);
  const readable = (x, digits) => {
    if (typeof x === 'string') return x;
    if (x === 0) return '0';
    const [mantissa, exponent] = x.toExponential(digits - 1).split('e').map(Number);
    const plainly = exponent >= -4 && exponent < Math.min(5, digits + 2);
    const text = plainly ? x.toFixed(Math.max(0, digits - 1 - exponent)) : String(mantissa);
    const plain = exponent < 0 && text.includes('.') ? text.replace(/\.?0+$/, '') : text;
    return plain.replace('-', '−') + (plainly ? '' : '×10' + superscript(exponent));
  };
  const nearest = (steps, x) => {
    let low = 0, high = steps.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle] < x) low = middle + 1; else high = middle;
    }
    return low > 0 && x - steps[low - 1] < steps[low] - x ? low - 1 : low;
  };
  const plots = [...document.querySelectorAll('.plot[data-low]')].map(plot => {
    const figure = plot.closest('figure');
    const items = [...figure.querySelectorAll('.legend li[data-run]')].map(li => ({
      run: data[li.dataset.run], key: li.dataset.key, error: li.dataset.error, bound: li.dataset.bound, whole: 'whole' in li.dataset,
      output: li.querySelector('output'), first: li.querySelector('output').innerHTML}));
    const where = figure.querySelector('.where output');
    return {plot, items, where, legend: figure.querySelector('.legend'), first: where.textContent,
      low: Number(plot.dataset.low), high: Number(plot.dataset.high), cursors: plot.querySelectorAll('.cursor'),
      panel: plot.querySelector('.panel'), run: items.length ? items[0].run : null};
  });
  let current = null;
  const clear = () => {
    current = null;
    for (const p of plots) {
      p.plot.classList.remove('live');
      p.where.textContent = p.first;
      for (const item of p.items) item.output.innerHTML = item.first;
    }
  };
  const show = step => {
    current = step;
    for (const p of plots) {
      p.plot.classList.add('live');
      const share = 100 * (step - p.low) / (p.high - p.low) + '%';
      for (const c of p.cursors) { c.setAttribute('x1', share); c.setAttribute('x2', share); }
      let time = null;
      for (const item of p.items) {
        const run = item.run, column = run && run[item.key];
        if (!column) continue;
        const row = nearest(run.step, step), there = run.step[row] === step && column[row] !== null;
        if (run.time && run.step[row] === step && p.items.every(i => i.run === run)) time = run.time[row];
        let text = there ? (item.whole ? String(column[row]) : readable(column[row], 4)) : '–';
        const error = there && item.error && run[item.error] ? run[item.error][row] : null;
        if (error !== null) {
          const size = Math.abs(error);
          if (size > 0 && isFinite(size)) text += '<small> ±' + readable(size, 2) + '</small>';
          if (error < 0 || error === false) text += '<small aria-label="not certified"> ○</small>';
        }
        const bound = there && item.bound && run[item.bound] ? run[item.bound][row] : null;
        if (typeof bound === 'number') text += '<small> ' + (bound >= column[row] ? '≤ ' : '≥ ') + readable(bound, 4) + '</small>';
        item.output.innerHTML = text;
      }
      p.where.textContent = step + (time === null ? '' : ', ηt ' + readable(time, 3));
    }
  };
  const snap = (p, step) => {
    let best = null;
    for (const item of p.items) {
      if (!item.run || !item.run.step.length) continue;
      const at = item.run.step[nearest(item.run.step, step)];
      if (best === null || Math.abs(at - step) < Math.abs(best - step)) best = at;
    }
    return best;
  };
  for (const p of plots) {
    const point = event => {
      const box = p.panel.getBoundingClientRect();
      const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
      const step = snap(p, p.low + share * (p.high - p.low));
      if (step !== null) show(step);
    };
    p.plot.addEventListener('pointermove', point);
    p.plot.addEventListener('pointerdown', point);
    p.plot.addEventListener('pointerleave', event => { if (event.pointerType === 'mouse') clear(); });
    p.plot.tabIndex = 0;
    p.plot.setAttribute('role', 'group');
    p.plot.setAttribute('aria-label', 'chart; arrow keys read the values step by step');
    p.plot.addEventListener('focus', () => p.legend.setAttribute('aria-live', 'polite'));
    p.plot.addEventListener('blur', () => p.legend.removeAttribute('aria-live'));
    p.plot.addEventListener('keydown', event => {
      if (event.key === 'Escape') return clear();
      if (!p.run || !p.run.step.length) return;
      const steps = p.run.step, row = nearest(steps, current === null ? p.high : current);
      const to = {ArrowLeft: row - 1, ArrowRight: row + 1, PageUp: row - 10, PageDown: row + 10, Home: 0, End: steps.length - 1}[event.key];
      if (to === undefined) return;
      event.preventDefault();
      show(steps[Math.min(steps.length - 1, Math.max(0, to))]);
    });
  }
  const point_out = run => {
    for (const e of document.querySelectorAll('.pointed')) e.classList.remove('pointed');
    if (run === null) return;
    for (const e of document.querySelectorAll('.data g[data-run="' + run + '"], tr[data-run="' + run + '"]')) e.classList.add('pointed');
  };
  for (const e of document.querySelectorAll('tr[data-run], a.cell, figure[id^=overlay] .data g[data-run]')) {
    e.addEventListener('pointerenter', () => point_out(e.dataset.run));
    e.addEventListener('pointerleave', () => point_out(null));
  }
  for (const figure of document.querySelectorAll('figure.stepped')) {
    const input = figure.querySelector('input'), at = [...figure.querySelectorAll('[data-at]')];
    figure.querySelector('.slider').hidden = at.every(e => e.dataset.at === '0');
    const turn = () => { for (const e of at) e.classList.toggle('on', e.dataset.at === input.value); };
    input.addEventListener('input', turn);
    turn();
  }
  const unfold = () => {
    const section = location.hash && document.getElementById(location.hash.slice(1));
    const details = section && section.querySelector('details.run');
    if (details) { details.open = true; section.scrollIntoView(); }
  };
  addEventListener('hashchange', unfold);
  unfold();
  const root = document.documentElement, button = document.getElementById('theme');
  const dark = () => root.dataset.theme ? root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme:dark)').matches;
  const name = () => { button.textContent = dark() ? 'Light' : 'Dark'; };
  button.hidden = false;
  button.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; name(); });
  matchMedia('(prefers-color-scheme:dark)').addEventListener('change', name);
  name();
})();
)";
}

}  // namespace brink::report
