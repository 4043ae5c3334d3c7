# Titles in other languages; a word that is the whole name in one list is the surname
# beside a first name in another.
drop de.csv
drop fr.csv
drop es.csv
drop it.csv
drop pt.csv
drop nl.csv
drop pl.csv
drop tr.csv
drop ru.csv
drop ja.csv
-- de.csv --
Vorname;Name;E-Mail-Adresse;Mobiltelefon;Sprache
Ann;Lee;de@example.org;+4915112345671;de
-- fr.csv --
Prénom;Nom;Adresse e-mail;Téléphone portable;Langue
Ann;Lee;fr@example.org;+33612345678;fr
-- es.csv --
Nombre;Apellidos;Correo electrónico;Teléfono móvil;Idioma
Ann;Lee;es@example.org;+34612345678;es
-- it.csv --
Nome;Cognome;Indirizzo e-mail;Cellulare;Lingua
Ann;Lee;it@example.org;+393123456789;it
-- pt.csv --
Nome;Sobrenome;Endereço de e-mail;Celular;Idioma
Ann;Lee;pt@example.org;+351912345678;pt
-- nl.csv --
Voornaam;Achternaam;E-mailadres;Mobiel;Taal
Ann;Lee;nl@example.org;+31612345678;nl
-- pl.csv --
Imię;Nazwisko;Adres e-mail;Telefon komórkowy;Język
Ann;Lee;pl@example.org;+48512345678;pl
-- tr.csv --
Ad;Soyad;E-posta;Cep Telefonu;Dil
Ann;Lee;tr@example.org;+905321234567;tr
-- ru.csv --
Имя;Фамилия;Электронная почта;Мобильный телефон;Язык
Ann;Lee;ru@example.org;+79161234567;ru
-- ja.csv --
姓;名;メールアドレス;携帯電話;言語
Lee;Ann;ja@example.org;+819012345678;ja
-- want --
de.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|de@example.org|+4915112345671|de
Nothing to do.
fr.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|fr@example.org|+33612345678|fr
Nothing to do.
es.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|es@example.org|+34612345678|es
Nothing to do.
it.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|it@example.org|+393123456789|it
Nothing to do.
pt.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|pt@example.org|+351912345678|pt
Nothing to do.
nl.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|nl@example.org|+31612345678|nl
Nothing to do.
pl.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|pl@example.org|+48512345678|pl
Nothing to do.
tr.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|tr@example.org|+905321234567|tr
Nothing to do.
ru.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|ru@example.org|+79161234567|ru
Nothing to do.
ja.csv: archived, csv, utf-8, ";"
1 rows, 1 published, 0 refused, 0 blank
user (derived)|Ann Lee (given Ann, family Lee)|ja@example.org|+819012345678|ja
Nothing to do.
