//! How is a plan drawn? Actions from left to right, each to the right of all that it waits for; those of one
//! column stand near what they wait for, so that few lines cross.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::page::escape;

/// A box's size, and the room to the next one, in pixels.
const BOX: (f64, f64) = (168.0, 18.0);
const ROOM: (f64, f64) = (56.0, 6.0);
/// The drawing's margin, in pixels.
const MARGIN: f64 = 6.0;
/// So many letters have room in a box.
const LETTERS: usize = 28;
/// How often the order within columns is improved, forth and back.
const SWEEPS: usize = 4;

/// A plan, as it was made again from its saved input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanGraph {
    /// Its number.
    pub transition: u64,
    /// Why it was made.
    pub reason: String,
    /// What became of it.
    pub state: String,
    /// What is carried out.
    pub actions: Vec<PlanAction>,
}

/// An action of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanAction {
    /// What, and where.
    pub text: String,
    /// Whether nobody carries it out: it only stands between others.
    pub pseudo: bool,
    /// `done`, `failed` or `waiting`.
    pub progress: String,
    /// Places of what it waits for.
    pub inputs: Vec<usize>,
}

/// Columns of a plan, each from top to bottom.
fn columns(plan: &PlanGraph) -> Vec<Vec<usize>> {
    let actions = &plan.actions;
    let mut column = vec![0; actions.len()];
    // A graph has no cycles, and so as many rounds as it is deep; a bad one ends as well.
    for _ in 0..actions.len() {
        let mut changed = false;
        for (at, action) in actions.iter().enumerate() {
            let inputs = action.inputs.iter().filter_map(|input| column.get(*input));
            let after = inputs.max().map_or(0, |latest| latest + 1);
            if column[at] < after && after < actions.len() {
                column[at] = after;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut columns = vec![Vec::new(); column.iter().max().map_or(0, |last| last + 1)];
    for (at, column) in column.into_iter().enumerate() {
        columns[column].push(at);
    }
    arrange(plan, &mut columns);
    columns
}

/// Orders each column by where, on average, the neighbours of its actions stand.
fn arrange(plan: &PlanGraph, columns: &mut [Vec<usize>]) {
    let mut after = vec![Vec::new(); plan.actions.len()];
    for (at, action) in plan.actions.iter().enumerate() {
        for input in &action.inputs {
            if let Some(after) = after.get_mut(*input) {
                after.push(at);
            }
        }
    }
    let mut row = vec![0.0; plan.actions.len()];
    let note = |column: &[usize], row: &mut [f64]| {
        for (place, at) in column.iter().enumerate() {
            row[*at] = place as f64;
        }
    };
    for column in columns.iter() {
        note(column, &mut row);
    }
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        for step in 0..columns.len() {
            let place = if forth {
                step
            } else {
                columns.len() - 1 - step
            };
            let wanted = |at: usize| {
                let near = if forth {
                    &plan.actions[at].inputs
                } else {
                    &after[at]
                };
                let known = near.iter().filter_map(|other| row.get(*other));
                let (sum, count) = known.fold((0.0, 0), |(sum, count), at| (sum + at, count + 1));
                if count == 0 {
                    row[at]
                } else {
                    sum / f64::from(count)
                }
            };
            let mut column: Vec<(f64, usize)> =
                columns[place].iter().map(|at| (wanted(*at), *at)).collect();
            column.sort_by(|a, b| a.0.total_cmp(&b.0));
            columns[place] = column.into_iter().map(|(_, at)| at).collect();
            note(&columns[place], &mut row);
        }
    }
}

/// A plan as SVG.
pub(super) fn draw(plan: &PlanGraph) -> String {
    let columns = columns(plan);
    let tallest = columns.iter().map(Vec::len).max().unwrap_or(0) as f64;
    let step = (BOX.0 + ROOM.0, BOX.1 + ROOM.1);
    let mut corner = vec![(0.0, 0.0); plan.actions.len()];
    for (x, column) in columns.iter().enumerate() {
        // Short columns stand in the middle.
        let top = (tallest - column.len() as f64) / 2.0;
        for (y, at) in column.iter().enumerate() {
            let (x, y) = (x as f64 * step.0, (top + y as f64) * step.1);
            corner[*at] = (MARGIN + x, MARGIN + y);
        }
    }
    let width = columns.len() as f64 * step.0 - ROOM.0 + 2.0 * MARGIN;
    let height = tallest * step.1 - ROOM.1 + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg class=\"plan\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\">"
    );
    for (action, to) in plan.actions.iter().zip(&corner) {
        for from in action.inputs.iter().filter_map(|input| corner.get(*input)) {
            let (x1, y1) = (from.0 + BOX.0, from.1 + BOX.1 / 2.0);
            let (x2, y2) = (to.0, to.1 + BOX.1 / 2.0);
            let bend = (x2 - x1).abs() / 2.0;
            let _ = write!(
                svg,
                "<path d=\"M{x1:.0} {y1:.0} C{:.0} {y1:.0} {:.0} {y2:.0} {x2:.0} {y2:.0}\"/>",
                x1 + bend,
                x2 - bend
            );
        }
    }
    for (action, (x, y)) in plan.actions.iter().zip(&corner) {
        let pseudo = if action.pseudo { " pseudo" } else { "" };
        let short: String = action.text.chars().take(LETTERS).collect();
        let _ = write!(
            svg,
            "<g><title>{}: {}</title><rect class=\"{}{pseudo}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{}\" \
             height=\"{}\" rx=\"3\"/><text class=\"on\" x=\"{:.0}\" y=\"{:.0}\">{}</text></g>",
            escape(&action.text),
            escape(&action.progress),
            escape(&action.progress),
            BOX.0,
            BOX.1,
            x + 4.0,
            y + 12.5,
            escape(&short)
        );
    }
    svg + "</svg>"
}

#[cfg(test)]
mod tests {
    use super::{PlanAction, PlanGraph, columns, draw};

    fn plan(inputs: &[&[usize]]) -> PlanGraph {
        let actions = inputs.iter().enumerate().map(|(at, inputs)| PlanAction {
            text: format!("a{at}_start_0 n<1>"),
            pseudo: at == 0,
            progress: "done".to_owned(),
            inputs: inputs.to_vec(),
        });
        PlanGraph {
            transition: 3,
            reason: "the configuration changed".to_owned(),
            state: "complete".to_owned(),
            actions: actions.collect(),
        }
    }

    #[test]
    fn an_action_stands_to_the_right_of_all_that_it_waits_for() {
        let plan = plan(&[&[], &[0], &[0, 1], &[]]);
        assert_eq!(columns(&plan), [vec![0, 3], vec![1], vec![2]]);
    }

    #[test]
    fn lines_do_not_cross_where_they_need_not() {
        // Two chains, the second column the other way round.
        let plan = plan(&[&[], &[], &[1], &[0]]);
        assert_eq!(columns(&plan), [vec![0, 1], vec![3, 2]]);
    }

    #[test]
    fn every_action_is_a_box_every_input_a_line_and_nothing_is_markup() {
        let svg = draw(&plan(&[&[], &[0], &[0, 1]]));
        assert_eq!(svg.matches("<rect").count(), 3);
        assert_eq!(svg.matches("<path").count(), 3);
        assert!(svg.contains("n&lt;1&gt;") && svg.contains("done pseudo"));
    }

    #[test]
    fn what_is_no_graph_is_drawn_nevertheless() {
        draw(&plan(&[]));
        draw(&plan(&[&[1], &[0], &[9]]));
    }
}
