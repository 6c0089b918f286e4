//! What is the least that still shows it? Delta debugging over a tree: parts are left out in ever
//! smaller pieces, elements from the outside in, then attributes, as long as what is left still
//! shows the difference.

use super::tree::Element;

/// Attributes that an element cannot be without.
const KEPT: [&str; 5] = ["id", "class", "provider", "type", "image"];

/// Makes a tree smaller as long as `still` says that it is as interesting as before, asking at most
/// `budget` times.
pub fn shrink(tree: Element, budget: usize, still: impl FnMut(&Element) -> bool) -> Element {
    let mut shrinker = Shrinker {
        tree,
        left: budget,
        still,
    };
    loop {
        let size = shrinker.size();
        for depth in 1.. {
            let parts = shrinker.elements_at(depth);
            if parts.is_empty() {
                break;
            }
            shrinker.leave_out(parts);
        }
        shrinker.leave_out(shrinker.attributes());
        shrinker.unwrap_elements();
        if shrinker.size() == size || shrinker.left == 0 {
            return shrinker.tree;
        }
    }
}

/// Something that can be left out: an element by its number in document order, or one of its
/// attributes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Part {
    element: usize,
    attribute: Option<usize>,
}

struct Shrinker<F> {
    tree: Element,
    left: usize,
    still: F,
}

impl<F: FnMut(&Element) -> bool> Shrinker<F> {
    fn size(&self) -> usize {
        let mut size = 0;
        self.tree.visit(&mut |e| size += 1 + e.attributes.len());
        size
    }

    /// Takes a smaller tree if it still shows what it should.
    fn try_this(&mut self, candidate: Element) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let still = (self.still)(&candidate);
        if still {
            self.tree = candidate;
        }
        still
    }

    fn elements_at(&self, depth: usize) -> Vec<Part> {
        fn go(e: &Element, depth: usize, number: &mut usize, parts: &mut Vec<Part>) {
            if depth == 0 {
                parts.push(Part {
                    element: *number,
                    attribute: None,
                });
            }
            *number += 1;
            for child in &e.children {
                go(child, depth.wrapping_sub(1), number, parts);
            }
        }
        let mut parts = Vec::new();
        go(&self.tree, depth, &mut 0, &mut parts);
        parts
    }

    fn attributes(&self) -> Vec<Part> {
        let (mut parts, mut element) = (Vec::new(), 0);
        self.tree.visit(&mut |e| {
            for (attribute, (name, _)) in e.attributes.iter().enumerate() {
                if !KEPT.contains(&name.as_str()) {
                    parts.push(Part {
                        element,
                        attribute: Some(attribute),
                    });
                }
            }
            element += 1;
        });
        parts
    }

    /// Leaves out as many of these as possible: all, halves, quarters, … each.
    fn leave_out(&mut self, parts: Vec<Part>) {
        // Numbers refer to the tree as it is now: what is left out is collected and cut from this.
        let whole = self.tree.clone();
        let mut out: Vec<Part> = Vec::new();
        let mut rest = parts;
        let mut piece = rest.len();
        while piece > 0 && !rest.is_empty() {
            let mut kept = Vec::new();
            for some in rest.chunks(piece) {
                let mut without = out.clone();
                without.extend_from_slice(some);
                without.sort_unstable();
                if self.try_this(cut(&whole, &without)) {
                    out = without;
                } else {
                    kept.extend_from_slice(some);
                }
            }
            rest = kept;
            piece = if piece == 1 { 0 } else { piece.div_ceil(2) };
        }
    }

    /// Puts what is inside an element into its place: members without their group, say.
    fn unwrap_elements(&mut self) {
        const WRAPPERS: [&str; 3] = ["group", "clone", "rule"];
        let is_wrapper = |e: &Element| WRAPPERS.contains(&e.name.as_str());
        let mut index = 0;
        while index < self.tree.find_all(is_wrapper).len() {
            let mut candidate = self.tree.clone();
            if unwrap(&mut candidate, &mut index.clone(), &is_wrapper) && self.try_this(candidate) {
                continue;
            }
            index += 1;
        }
    }
}

/// A copy without some parts, given in order.
fn cut(tree: &Element, without: &[Part]) -> Element {
    fn go(e: &Element, number: &mut usize, without: &[Part]) -> Option<Element> {
        let this = *number;
        *number += 1;
        let is_out = |attribute| {
            without
                .binary_search(&Part {
                    element: this,
                    attribute,
                })
                .is_ok()
        };
        let keep = !is_out(None);
        let children: Vec<Element> = e
            .children
            .iter()
            .filter_map(|child| go(child, number, without))
            .collect();
        keep.then(|| Element {
            name: e.name.clone(),
            attributes: e
                .attributes
                .iter()
                .enumerate()
                .filter(|(at, _)| !is_out(Some(*at)))
                .map(|(_, attribute)| attribute.clone())
                .collect(),
            children,
        })
    }
    go(tree, &mut 0, without).unwrap_or_else(|| tree.clone())
}

/// Replaces the `index`th element that is wanted by what is in it.
fn unwrap(e: &mut Element, index: &mut usize, wanted: &impl Fn(&Element) -> bool) -> bool {
    for at in 0..e.children.len() {
        if wanted(&e.children[at]) {
            if *index == 0 {
                let wrapper = e.children.remove(at);
                let inner = wrapper.children.into_iter().filter(|child| {
                    !matches!(
                        child.name.as_str(),
                        "meta_attributes" | "instance_attributes"
                    )
                });
                e.children.splice(at..at, inner);
                return true;
            }
            *index -= 1;
        }
        if unwrap(&mut e.children[at], index, wanted) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Element {
        let resource = |n: usize| {
            Element::new("primitive")
                .with("id", format!("r{n}"))
                .with("class", "ocf")
                .containing(Element::new("meta_attributes").with("id", format!("m{n}")))
        };
        Element::new("cib").with("epoch", "1").containing(
            Element::new("resources")
                .containing_all((0..20).map(resource))
                .containing(
                    Element::new("group")
                        .with("id", "g")
                        .containing_all((20..23).map(resource)),
                ),
        )
    }

    fn has(tree: &Element, id: &str) -> bool {
        !tree.find_all(|e| e.id() == id).is_empty()
    }

    #[test]
    fn only_what_matters_is_left() {
        let small = shrink(cluster(), 1000, |tree| has(tree, "r7") && has(tree, "m21"));
        let ids: Vec<&str> = small
            .find_all(|e| e.get("id").is_some())
            .iter()
            .map(|e| e.id())
            .collect();
        assert_eq!(ids, ["r7", "r21", "m21"]);
        assert_eq!(small.get("epoch"), None);
        // What a resource is stays.
        assert_eq!(small.find_all(|e| e.get("class").is_some()).len(), 2);
    }

    #[test]
    fn attributes_that_matter_stay() {
        let small = shrink(cluster(), 1000, |tree| tree.get("epoch") == Some("1"));
        assert_eq!(small, Element::new("cib").with("epoch", "1"));
    }

    #[test]
    fn never_asks_more_often_than_allowed() {
        let mut asked = 0;
        shrink(cluster(), 17, |_| {
            asked += 1;
            asked % 3 == 0
        });
        assert_eq!(asked, 17);
    }

    #[test]
    fn nothing_is_lost_where_all_matters() {
        let whole = cluster();
        assert_eq!(shrink(whole.clone(), 1000, |tree| *tree == whole), whole);
    }
}
