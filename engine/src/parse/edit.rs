//! How is a document changed?
//!
//! Tables only grow: a removed element keeps its number (nobody else gets it), a new value is
//! appended to the edits. What is no longer referred to is counted, and values are packed again when
//! most of them are stale, so setting attributes over and over needs bounded room.

use super::{Attribute, Document, Element, ElementId, NONE, Name, chars};

/// Below this many bytes of stale values packing is not worth its walk over all attributes.
const PACK_FROM: usize = 64 * 1024;

impl Document {
    /// Adds an element without attributes after the last child of `parent`.
    pub fn append(&mut self, parent: ElementId, name: &str) -> ElementId {
        let name = self.names.intern(name);
        self.append_by(parent, name)
    }

    /// Like [`Document::append`], by interned name.
    pub fn append_by(&mut self, parent: ElementId, name: Name) -> ElementId {
        let e = self.new_element(name);
        self.link(e, parent, NONE);
        e
    }

    /// Adds an element without attributes before `sibling`, which is not the root.
    pub fn insert_before(&mut self, sibling: ElementId, name: &str) -> ElementId {
        let name = self.names.intern(name);
        let e = self.new_element(name);
        self.move_before(e, sibling);
        e
    }

    /// Makes an element (not the root, nor above `parent`) the last child of `parent`.
    pub fn move_to(&mut self, e: ElementId, parent: ElementId) {
        self.unlink(e);
        self.link(e, parent, NONE);
    }

    /// Puts an element (not the root, nor above `sibling`) directly before `sibling`.
    pub fn move_before(&mut self, e: ElementId, sibling: ElementId) {
        let Some(parent) = self.parent(sibling) else {
            return;
        };
        if e != sibling {
            self.unlink(e);
            self.link(e, parent, sibling.0);
        }
    }

    /// Takes an element out of the tree with everything below it; they lose their attributes.
    /// The root stays.
    pub fn remove(&mut self, e: ElementId) {
        if self.parent(e).is_none() {
            return;
        }
        let removed: Vec<ElementId> = self.subtree(e).collect();
        for below in removed {
            let attributes = self.attributes_of(below);
            let edited: usize = attributes.iter().map(|a| self.edited_bytes(a)).sum();
            self.stale_elements += 1;
            self.stale_attributes += self.attributes_of(below).len();
            self.stale_edits += edited;
            self.elements[below.index()].attributes = 0;
        }
        self.unlink(e);
    }

    /// Gives an element another name.
    pub fn rename(&mut self, e: ElementId, name: &str) {
        self.elements[e.index()].name = self.names.intern(name);
    }

    /// Sets an attribute; a new one comes after the others.
    ///
    /// Characters that XML has no way to write (most control characters: agents' messages have
    /// them) become U+FFFD, so that every document can be written and read again.
    pub fn set_attr(&mut self, e: ElementId, name: &str, value: &str) {
        let name = self.names.intern(name);
        self.set_attr_by(e, name, value);
    }

    /// Like [`Document::set_attr`], by interned name.
    pub fn set_attr_by(&mut self, e: ElementId, name: Name, value: &str) {
        self.pack_edits();
        let value = &*chars::expressible(value);
        let start = u32::try_from(self.source.text.len() + self.edits.len());
        let (Ok(start), Ok(len)) = (start, u32::try_from(value.len())) else {
            panic!("a document cannot hold more than 4 GiB of text and edits");
        };
        self.edits.push_str(value);
        let attribute = Attribute { name, start, len };
        let place = self.attributes_of(e).iter().position(|a| a.name == name);
        match place {
            Some(place) => {
                let place = self.elements[e.index()].first_attribute as usize + place;
                self.stale_edits += self.edited_bytes(&self.attributes[place]);
                self.attributes[place] = attribute;
            }
            None => self.push_attribute(e, attribute),
        }
    }

    /// Takes an attribute away and returns its value.
    pub fn remove_attr(&mut self, e: ElementId, name: Name) -> Option<String> {
        let place = self.attributes_of(e).iter().position(|a| a.name == name)?;
        let value = self.value(&self.attributes_of(e)[place]).to_owned();
        let element = &mut self.elements[e.index()];
        let first = element.first_attribute as usize;
        let end = first + element.attributes as usize;
        element.attributes -= 1;
        self.stale_edits += self.edited_bytes(&self.attributes[first + place]);
        self.attributes
            .copy_within(first + place + 1..end, first + place);
        self.stale_attributes += 1;
        Some(value)
    }

    /// Gives an attribute another name, in its place. One that has that name already goes.
    pub fn rename_attr(&mut self, e: ElementId, from: Name, to: &str) {
        let to = self.names.intern(to);
        if from == to || self.attr_by(e, from).is_none() {
            return;
        }
        self.remove_attr(e, to);
        let element = &self.elements[e.index()];
        let first = element.first_attribute as usize;
        let attributes = &mut self.attributes[first..first + element.attributes as usize];
        if let Some(attribute) = attributes.iter_mut().find(|a| a.name == from) {
            attribute.name = to;
        }
    }

    /// Copies an element with everything below it after the last child of `parent`.
    pub fn copy_subtree(&mut self, from: ElementId, parent: ElementId) -> ElementId {
        // Listed first, so that copying into the subtree itself ends.
        let originals: Vec<ElementId> = self.subtree(from).collect();
        let top = self.elements.len() as u32;
        let mut copies = std::collections::BTreeMap::new();
        for &original in &originals {
            let copy = self.new_element(self.name_of(original));
            let offset = self.element(original).offset;
            self.elements[copy.index()].offset = offset;
            for place in 0..self.attributes_of(original).len() {
                let attribute = self.attributes_of(original)[place];
                self.push_copy(copy, attribute);
            }
            let above = match self.parent(original) {
                Some(above) if original != from => copies.get(&above).copied().unwrap_or(parent),
                _ => parent,
            };
            self.link(copy, above, NONE);
            copies.insert(original, copy);
        }
        ElementId(top)
    }

    /// Copies an element of another document with everything below it after the last child of
    /// `parent`.
    pub fn copy_from(&mut self, other: &Self, from: ElementId, parent: ElementId) -> ElementId {
        let top = ElementId(self.elements.len() as u32);
        let (mut below, mut at) = (parent, from);
        loop {
            let copy = self.append(below, other.name(at));
            for (name, value) in other.attrs(at) {
                self.set_attr(copy, name, value);
            }
            if let Some(child) = other.first_child(at) {
                (below, at) = (copy, child);
                continue;
            }
            while at != from && other.next_sibling(at).is_none() {
                match (other.parent(at), self.parent(below)) {
                    (Some(above), Some(above_copy)) => (at, below) = (above, above_copy),
                    _ => return top,
                }
            }
            match other.next_sibling(at) {
                Some(next) if at != from => at = next,
                _ => return top,
            }
        }
    }

    /// Entries of the tables that nothing refers to any more, in bytes.
    pub fn stale_bytes(&self) -> usize {
        self.stale_elements * size_of::<Element>()
            + self.stale_attributes * size_of::<Attribute>()
            + self.stale_edits
    }

    /// Drops removed elements and replaced values. Element numbers change: they are dense and in
    /// document order again.
    pub fn compact(&mut self) {
        let order: Vec<ElementId> = self.subtree(self.root()).collect();
        let mut number = vec![NONE; self.elements.len()];
        for (new, old) in order.iter().enumerate() {
            number[old.index()] = new as u32;
        }
        let renumber = |old: u32| {
            if old == NONE {
                NONE
            } else {
                number[old as usize]
            }
        };
        let mut elements = Vec::with_capacity(order.len());
        let mut attributes = Vec::with_capacity(self.attributes.len() - self.stale_attributes);
        for &old in &order {
            let element = self.element(old);
            elements.push(Element {
                name: element.name,
                parent: renumber(element.parent),
                first_child: renumber(element.first_child),
                last_child: renumber(element.last_child),
                previous: renumber(element.previous),
                next: renumber(element.next),
                first_attribute: attributes.len() as u32,
                attributes: element.attributes,
                offset: element.offset,
            });
            attributes.extend_from_slice(self.attributes_of(old));
        }
        self.elements = elements;
        self.attributes = attributes;
        self.stale_elements = 0;
        self.stale_attributes = 0;
        self.rewrite_edits();
    }

    fn new_element(&mut self, name: Name) -> ElementId {
        let number = self.elements.len() as u32;
        let mut element = Element::new(name, NONE, NONE);
        element.first_attribute = self.attributes.len() as u32;
        self.elements.push(element);
        ElementId(number)
    }

    /// Makes a loose element a child of `parent`: before the child `next`, or last.
    fn link(&mut self, e: ElementId, parent: ElementId, next: u32) {
        let previous = match self.elements.get(next as usize) {
            Some(next) => next.previous,
            None => self.elements[parent.index()].last_child,
        };
        let element = &mut self.elements[e.index()];
        element.parent = parent.0;
        element.previous = previous;
        element.next = next;
        self.join(parent.0, previous, e.0);
        self.join(parent.0, e.0, next);
    }

    fn unlink(&mut self, e: ElementId) {
        let element = &mut self.elements[e.index()];
        let (parent, previous, next) = (element.parent, element.previous, element.next);
        if parent == NONE {
            return;
        }
        element.parent = NONE;
        element.previous = NONE;
        element.next = NONE;
        self.join(parent, previous, next);
    }

    /// Makes two children of `parent` neighbours; one of them may be its edge.
    fn join(&mut self, parent: u32, left: u32, right: u32) {
        match self.elements.get_mut(left as usize) {
            Some(left) => left.next = right,
            None => self.elements[parent as usize].first_child = right,
        }
        match self.elements.get_mut(right as usize) {
            Some(right) => right.previous = left,
            None => self.elements[parent as usize].last_child = left,
        }
    }

    /// Adds an attribute that the element does not have. The attributes of an element are
    /// neighbours, so they move to the end of the table if something else follows them.
    fn push_attribute(&mut self, e: ElementId, attribute: Attribute) {
        let element = &self.elements[e.index()];
        let first = element.first_attribute as usize;
        let end = first + element.attributes as usize;
        if end != self.attributes.len() {
            self.stale_attributes += end - first;
            self.elements[e.index()].first_attribute = self.attributes.len() as u32;
            self.attributes.extend_from_within(first..end);
        }
        self.attributes.push(attribute);
        self.elements[e.index()].attributes += 1;
    }

    /// Like [`Document::push_attribute`], for a value that another attribute refers to as well:
    /// the source is shared, an edit is not.
    fn push_copy(&mut self, e: ElementId, attribute: Attribute) {
        if self.edited_bytes(&attribute) == 0 {
            self.push_attribute(e, attribute);
        } else {
            let value = self.value(&attribute).to_owned();
            self.set_attr_by(e, attribute.name, &value);
        }
    }

    fn edited_bytes(&self, attribute: &Attribute) -> usize {
        let is_edit = attribute.start as usize >= self.source.text.len();
        if is_edit { attribute.len as usize } else { 0 }
    }

    fn pack_edits(&mut self) {
        if self.stale_edits >= PACK_FROM && self.stale_edits > self.edits.len() / 2 {
            self.rewrite_edits();
        }
    }

    /// Copies the values that are still referred to.
    fn rewrite_edits(&mut self) {
        let base = self.source.text.len();
        let mut packed = String::with_capacity(self.edits.len() - self.stale_edits);
        let live: Vec<ElementId> = self.subtree(self.root()).collect();
        for e in live {
            let element = &self.elements[e.index()];
            let first = element.first_attribute as usize;
            for attribute in &mut self.attributes[first..first + element.attributes as usize] {
                let Some(start) = (attribute.start as usize).checked_sub(base) else {
                    continue;
                };
                let value = &self.edits[start..start + attribute.len as usize];
                attribute.start = (base + packed.len()) as u32;
                packed.push_str(value);
            }
        }
        self.edits = packed;
        self.stale_edits = 0;
    }
}
