//! `foctet man`: one page, with a section a subcommand.

use std::io;

use clap_mangen::Man;

use crate::args;
use crate::exit::Exit;

/// The manual page in roff.
///
/// # Errors
/// None in practice: it writes to memory.
pub(crate) fn page() -> io::Result<Vec<u8>> {
    let mut command = args::command();
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    for subcommand in command.get_subcommands() {
        page.extend(subcommand_section(subcommand)?);
    }
    page.extend(environment(&command).into_bytes());
    page.extend(exit_status().into_bytes());
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A section for `subcommand`, whose own sections become its subsections.
fn subcommand_section(subcommand: &clap::Command) -> io::Result<Vec<u8>> {
    let man = Man::new(subcommand.clone());
    let mut sections = Vec::new();
    man.render_synopsis_section(&mut sections)?;
    man.render_description_section(&mut sections)?;
    if subcommand.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut sections)?;
    }
    let sections = String::from_utf8_lossy(&sections).replace(".SH ", ".SS ");
    Ok(format!(".SH \"FOCTET {}\"\n{sections}", subcommand.get_name().to_uppercase()).into_bytes())
}

/// The variable of each option.
fn environment(command: &clap::Command) -> String {
    let mut variables: Vec<(String, String)> = command
        .get_subcommands()
        .flat_map(clap::Command::get_arguments)
        .filter(|argument| !argument.is_hide_set())
        .filter_map(|argument| {
            let variable = argument.get_env()?.to_str()?.to_owned();
            let meaning = match argument.get_long() {
                Some(long) => format!("--{long}"),
                None => "the ticket to receive".to_owned(),
            };
            Some((variable, meaning))
        })
        .collect();
    variables.sort();
    variables.dedup();
    let lines = variables.iter().map(|(variable, meaning)| paragraph(variable, meaning));
    std::iter::once(".SH ENVIRONMENT\n".to_owned()).chain(lines).collect()
}

fn exit_status() -> String {
    let lines = Exit::ALL.iter().map(|exit| paragraph(&exit.code().to_string(), exit.meaning()));
    std::iter::once(".SH \"EXIT STATUS\"\n".to_owned()).chain(lines).collect()
}

fn paragraph(term: &str, text: &str) -> String {
    format!(".TP\n\\fB{term}\\fR\n{}\n", text.replace('-', "\\-"))
}
