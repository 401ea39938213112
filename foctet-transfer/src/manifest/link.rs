use super::{MAX_TARGET_LEN, Rule};
use crate::name::check_name;

/// Checks a link's target, `depth` directories of the same tree being above the link.
///
/// `..` may only come first. Every directory above a link is a real one, so leading steps up are what they seem, and
/// whatever is walked down into afterwards is in the tree or is another such link: by induction no chain of links
/// leaves the tree. A `..` behind a name could step up from wherever a link of that name led.
pub(super) fn check_target(target: &[u8], depth: u16) -> Result<(), Rule> {
    if target.is_empty() || target.len() > MAX_TARGET_LEN {
        return Err(Rule::LinkTarget);
    }
    if target.starts_with(b"/") {
        return Err(Rule::LinkEscapes);
    }
    let mut above = depth;
    let mut went_down = false;
    for component in target.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." if went_down => return Err(Rule::LinkEscapes),
            b".." => above = above.checked_sub(1).ok_or(Rule::LinkEscapes)?,
            name => {
                check_name(name).map_err(|_| Rule::LinkTarget)?;
                went_down = true;
            }
        }
        // At 0 the walk stands beside the tree's top.
        if above == 0 {
            return Err(Rule::LinkEscapes);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_stay_in_the_tree() {
        // The link is `top/a/link`: two directories above it.
        for target in ["b", "./b", "..", "../c", "../a/b", "b/c//d", "b/./c", "../"] {
            assert_eq!(check_target(target.as_bytes(), 2), Ok(()), "{target}");
        }
        for target in
            ["/etc/passwd", "../..", "../../x", "../../top/a", "b/..", "b/../../..", "../../../../etc", "//x"]
        {
            assert_eq!(check_target(target.as_bytes(), 2), Err(Rule::LinkEscapes), "{target}");
        }
        for target in ["", "a\\b", "C:", "a\0b", "CON", "．．/x", "a:b/c"] {
            assert_eq!(check_target(target.as_bytes(), 2), Err(Rule::LinkTarget), "{target:?}");
        }
        assert_eq!(check_target(b"\xff", 2), Err(Rule::LinkTarget));
        assert_eq!(check_target(&[b'a'; MAX_TARGET_LEN + 1], 2), Err(Rule::LinkTarget));
    }

    #[test]
    fn a_link_at_the_top_points_nowhere() {
        assert_eq!(check_target(b"beside", 0), Err(Rule::LinkEscapes));
    }
}
