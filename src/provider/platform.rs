//! Solution stacks by name and by branch. Their names carry platform versions
//! that roll about monthly, so a branch is resolved when it is needed.

/// A solution stack's name in parts: `64bit Amazon Linux 2023 v4.6.0 running
/// Docker`.
#[derive(Debug, PartialEq, Eq)]
struct Stack<'a> {
    system: &'a str,
    version: Vec<u32>,
    software: &'a str,
}

fn parse(name: &str) -> Option<Stack<'_>> {
    let (before, software) = name.split_once(" running ")?;
    let (system, version) = before.rsplit_once(" v")?;
    let version = version.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u32>>>()?;
    Some(Stack { system, version, software })
}

/// Operating system and software of a branch: `Docker on AL2023`, `Docker on
/// Amazon Linux 2023`, `Docker running on 64bit Amazon Linux 2023`.
fn branch(wanted: &str) -> Option<(String, &str)> {
    let (software, system) = wanted.split_once(" running on ").or_else(|| wanted.rsplit_once(" on "))?;
    let system = system.trim();
    let system = system.strip_prefix("64bit ").unwrap_or(system);
    let system = match system.strip_prefix("AL").or_else(|| system.strip_prefix("al")) {
        Some(number) => format!("Amazon Linux {number}"),
        None => system.to_owned(),
    };
    Some((format!("64bit {system}"), software.trim()))
}

/// The stack that is meant; the error says what there is instead.
pub(super) fn pick(wanted: &str, stacks: &[String]) -> Result<String, String> {
    let wanted = wanted.trim();
    if let Some(exact) = stacks.iter().find(|stack| *stack == wanted) {
        return Ok(exact.clone());
    }
    let of_branch = |name: &&String| {
        let (Some((system, software)), Some(stack)) = (branch(wanted), parse(name)) else {
            return false;
        };
        stack.system.eq_ignore_ascii_case(&system) && stack.software.eq_ignore_ascii_case(software)
    };
    let newest = stacks.iter().filter(of_branch).max_by_key(|name| parse(name).map(|it| it.version));
    if let Some(newest) = newest {
        return Ok(newest.clone());
    }
    let near = stacks
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, wanted).total_cmp(&strsim::jaro_winkler(b, wanted)))
        .map(|near| format!("; the nearest is `{near}`"));
    Err(format!("there is no platform `{wanted}` here{}", near.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks() -> Vec<String> {
        [
            "64bit Amazon Linux 2023 v4.9.0 running Docker",
            "64bit Amazon Linux 2023 v4.10.1 running Docker",
            "64bit Amazon Linux 2 v4.11.0 running Docker",
            "64bit Amazon Linux 2023 v4.2.0 running ECS",
            "64bit Amazon Linux 2023 v5.7.0 running Tomcat 10 Corretto 17",
            "Something else entirely",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn a_branch_is_its_newest_stack_by_number() {
        let newest = "64bit Amazon Linux 2023 v4.10.1 running Docker";
        for wanted in [
            "Docker on AL2023",
            "docker on al2023",
            "Docker on Amazon Linux 2023",
            "Docker running on 64bit Amazon Linux 2023",
        ] {
            assert_eq!(pick(wanted, &stacks()).as_deref(), Ok(newest), "{wanted}");
        }
        assert_eq!(
            pick("Docker on AL2", &stacks()).as_deref(),
            Ok("64bit Amazon Linux 2 v4.11.0 running Docker")
        );
        assert_eq!(
            pick("Tomcat 10 Corretto 17 on AL2023", &stacks()).as_deref(),
            Ok("64bit Amazon Linux 2023 v5.7.0 running Tomcat 10 Corretto 17")
        );
    }

    #[test]
    fn an_exact_name_stays_and_an_unknown_one_is_refused_with_the_nearest() {
        let exact = "64bit Amazon Linux 2023 v4.9.0 running Docker";
        assert_eq!(pick(exact, &stacks()).as_deref(), Ok(exact));
        let why = pick("Doker on AL2023", &stacks()).unwrap_err();
        assert!(why.contains("`Doker on AL2023`") && why.contains("the nearest is"), "{why}");
        assert!(pick("Docker on AL2023", &[]).is_err());
    }
}
