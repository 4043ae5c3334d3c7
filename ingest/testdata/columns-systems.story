# Lists as systems export them: the right column counts for each meaning, all others are
# kept, and secrets are left out.
region US
columns
drop google.csv
drop entra-create.csv
drop entra-download.csv
drop microsoft365.csv
drop ad.csv
drop salesforce.csv
drop hubspot.csv
drop shopify.csv
drop wordpress.csv
drop moodle.csv
drop canvas.csv
drop cognito.csv
-- google.csv --
First Name [Required],Last Name [Required],Email Address [Required],Password [Required],Password Hash Function [UPLOAD ONLY],Org Unit Path [Required],Recovery Email,Home Secondary Email,Recovery Phone [MUST BE IN THE E.164 FORMAT],Work Phone,Mobile Phone,Employee ID,Manager Email
Ann,Lee,ann@example.org,****,,/,ann@example.net,,+12125550100,+12125550101,+12125550123,e-1,boss@example.org
-- entra-create.csv --
version:v1.0
Name [displayName] Required,User name [userPrincipalName] Required,Initial password [passwordProfile] Required,Block sign in (Yes/No) [accountEnabled] Required,First name [givenName],Last name [surname],Mobile phone [mobile]
Ann Lee,ann@example.org,Xy12345678,No,Ann,Lee,+12125550123
-- entra-download.csv --
userPrincipalName,displayName,surname,mail,givenName,id,telephoneNumber,mobilePhone,alternateEmailAddress
ann@example.org,Ann Lee,Lee,ann.lee@example.org,Ann,0a1b,+12125550100,+12125550123,
bob@example.org,Bob Poe,Poe,,Bob,0a1c,+12125550199,,
cec_example.net#EXT#@contoso.example.org,Cec Roe,Roe,,Cec,0a1d,,,
-- microsoft365.csv --
User Name,First Name,Last Name,Display Name,Job Title,Office Phone,Mobile Phone,Fax
ann@example.org,Ann,Lee,Ann Lee,Chief,+12125550100,+12125550123,+12125550177
-- ad.csv --
"Name","DisplayName","mail","mobile"
"alee","Ann Lee","ann@example.org","+12125550123"
-- salesforce.csv --
Id,AccountId,LastName,FirstName,Name,Phone,Fax,MobilePhone,HomePhone,OtherPhone,AssistantPhone,ReportsToId,Email,Title
003A,001Z,Lee,Ann,Ann Lee,+12125550100,+12125550177,+12125550123,,,+12125550188,,ann@example.org,Chief
003B,001Z,Poe,Bob,Bob Poe,+12125550100,,,,,,,bob@example.org,
-- hubspot.csv --
Record ID,First Name,Last Name,Email,Phone Number,Mobile Phone Number,Contact owner,Lead Status
17,Ann,Lee,ann@example.org,+12125550100,+12125550123,Bob,New
-- shopify.csv --
Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Phone,Phone,Accepts SMS Marketing,Note,Tags
'9013808660771,Ann,Lee,ann@example.org,yes,'+12125550100,'+12125550123,no,,
-- wordpress.csv --
ID,user_login,display_name,user_email,user_registered,roles,user_pass
7,ann,Ann Lee,ann@example.org,2026-11-28,subscriber,$P$Bq0abcdefghijklmnopqrstuvwxyz0
-- moodle.csv --
username,password,firstname,lastname,email,phone1,lang
ann,Xy12345678,Ann,Lee,ann@example.org,+12125550123,de
-- canvas.csv --
user_id,integration_id,login_id,password,first_name,last_name,full_name,sortable_name,short_name,email,status
17,,ann,Xy12345678,Ann,Lee,Ann Lee,"Lee, Ann",Ann,ann@example.org,active
-- cognito.csv --
cognito:username,name,given_name,family_name,nickname,preferred_username,email,email_verified,locale,phone_number,phone_number_verified
17,Ann Lee,Ann,Lee,annie,ann,ann@example.org,true,en-US,+12125550123,true
-- want --
google.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column First Name [Required]: first_name
column Last Name [Required]: last_name
column Email Address [Required]: email, preferred to "Recovery Email", "Home Secondary Email"
column Password [Required]: secret, it may hold passwords or the like, and is not published
column Password Hash Function [UPLOAD ONLY]: secret, it may hold passwords or the like, and is not published
column Org Unit Path [Required]: attribute
column Recovery Email: attribute, "Email Address [Required]" is taken for email before it
column Home Secondary Email: attribute, "Email Address [Required]" is taken for email before it
column Recovery Phone [MUST BE IN THE E.164 FORMAT]: attribute, "Mobile Phone" is taken for phone before it
column Work Phone: attribute, "Mobile Phone" is taken for phone before it
column Mobile Phone: phone, preferred to "Work Phone", "Recovery Phone [MUST BE IN THE E.164 FORMAT]"
column Employee ID: user_id
column Manager Email: attribute
warning: W_SECRET 1 line 0: the column "Password [Required]" may hold passwords or the like; it was not published
warning: W_SECRET 1 line 0: the column "Password Hash Function [UPLOAD ONLY]" may hold passwords or the like; it was not published
user e-1|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123||Manager Email=boss@example.org|Org Unit Path [Required]=/|Recovery Email=ann@example.net|Recovery Phone [MUST BE IN THE E.164 FORMAT]=+12125550100|Work Phone=+12125550101
Nothing to do.
entra-create.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Name [displayName] Required: name
column User name [userPrincipalName] Required: email, its cells hold addresses
column Initial password [passwordProfile] Required: secret, it may hold passwords or the like, and is not published
column Block sign in (Yes/No) [accountEnabled] Required: attribute
column First name [givenName]: first_name
column Last name [surname]: last_name
column Mobile phone [mobile]: phone
warning: W_TITLES 1 line 1: the columns are named in line 2; what stands above it was skipped
warning: W_COLUMN 1 line 0: the column "User name [userPrincipalName] Required" was taken for email: look whether that is right
warning: W_SECRET 1 line 0: the column "Initial password [passwordProfile] Required" may hold passwords or the like; it was not published
user (derived)|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123||Block sign in (Yes/No) [accountEnabled] Required=No
Nothing to do.
entra-download.csv: archived, csv, utf-8, ","
3 rows, 3 published, 0 refused, 0 blank
column userPrincipalName: attribute, counts for email where "mail" has nothing
column displayName: name
column surname: last_name
column mail: email, preferred to "userPrincipalName", "alternateEmailAddress"
column givenName: first_name
column id: user_id
column telephoneNumber: attribute, counts for phone where "mobilePhone" has nothing
column mobilePhone: phone, preferred to "telephoneNumber"
column alternateEmailAddress: attribute, "mail" is taken for email before it
warning: W_UNWRAPPED 1 line 4: what a program wrote around the email was taken off
user 0a1b|Ann Lee (given Ann, family Lee)|ann.lee@example.org|+12125550123||telephoneNumber=+12125550100|userPrincipalName=ann@example.org
user 0a1c|Bob Poe (given Bob, family Poe)|bob@example.org|+12125550199||telephoneNumber=+12125550199|userPrincipalName=bob@example.org
user 0a1d|Cec Roe (given Cec, family Roe)|cec@example.net|||userPrincipalName=cec_example.net#EXT#@contoso.example.org
Nothing to do.
microsoft365.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column User Name: email, its cells hold addresses
column First Name: first_name
column Last Name: last_name
column Display Name: name
column Job Title: attribute
column Office Phone: attribute, "Mobile Phone" is taken for phone before it
column Mobile Phone: phone, preferred to "Office Phone"
column Fax: attribute
warning: W_COLUMN 1 line 0: the column "User Name" was taken for email: look whether that is right
user (derived)|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123||Fax=+12125550177|Job Title=Chief|Office Phone=+12125550100
Nothing to do.
ad.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Name: attribute, counts for name where "DisplayName" has nothing
column DisplayName: name, preferred to "Name"
column mail: email
column mobile: phone
user (derived)|Ann Lee|ann@example.org|+12125550123||Name=alee
Nothing to do.
salesforce.csv: archived, csv, utf-8, ","
2 rows, 2 published, 0 refused, 0 blank
column Id: user_id
column AccountId: attribute, "Id" is taken for user_id before it
column LastName: last_name
column FirstName: first_name
column Name: name
column Phone: attribute, counts for phone where "MobilePhone" has nothing
column Fax: attribute
column MobilePhone: phone, preferred to "Phone", "HomePhone", "OtherPhone"
column HomePhone: attribute, "MobilePhone" is taken for phone before it
column OtherPhone: attribute, "MobilePhone" is taken for phone before it
column AssistantPhone: attribute
column ReportsToId: attribute
column Email: email
column Title: attribute
user 003A|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123||AccountId=001Z|AssistantPhone=+12125550188|Fax=+12125550177|Phone=+12125550100|Title=Chief
user 003B|Bob Poe (given Bob, family Poe)|bob@example.org|+12125550100||AccountId=001Z|Phone=+12125550100
Nothing to do.
hubspot.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Record ID: user_id
column First Name: first_name
column Last Name: last_name
column Email: email
column Phone Number: attribute, counts for phone where "Mobile Phone Number" has nothing
column Mobile Phone Number: phone, preferred to "Phone Number"
column Contact owner: attribute
column Lead Status: attribute
user 17|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123||Contact owner=Bob|Lead Status=New|Phone Number=+12125550100
Nothing to do.
shopify.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column Customer ID: user_id
column First Name: first_name
column Last Name: last_name
column Email: email
column Accepts Email Marketing: attribute
column Default Address Phone: attribute, "Phone" is taken for phone before it
column Phone: phone, preferred to "Default Address Phone"
column Accepts SMS Marketing: attribute
column Note: attribute
column Tags: attribute
warning: W_UNWRAPPED 1 line 2: what a program wrote around the user_id was taken off
warning: W_UNWRAPPED 1 line 2: what a program wrote around the phone was taken off
user 9013808660771|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123||Accepts Email Marketing=yes|Accepts SMS Marketing=no|Default Address Phone='+12125550100
Nothing to do.
wordpress.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column ID: user_id
column user_login: attribute
column display_name: name
column user_email: email
column user_registered: attribute
column roles: attribute
column user_pass: secret, it may hold passwords or the like, and is not published
warning: W_SECRET 1 line 0: the column "user_pass" may hold passwords or the like; it was not published
user 7|Ann Lee|ann@example.org|||roles=subscriber|user_login=ann|user_registered=2026-11-28
Nothing to do.
moodle.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column username: attribute
column password: secret, it may hold passwords or the like, and is not published
column firstname: first_name
column lastname: last_name
column email: email
column phone1: phone
column lang: locale
warning: W_SECRET 1 line 0: the column "password" may hold passwords or the like; it was not published
user (derived)|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123|de|username=ann
Nothing to do.
canvas.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column user_id: user_id
column integration_id: attribute
column login_id: attribute
column password: secret, it may hold passwords or the like, and is not published
column first_name: first_name
column last_name: last_name
column full_name: name
column sortable_name: attribute
column short_name: attribute
column email: email
column status: attribute
warning: W_SECRET 1 line 0: the column "password" may hold passwords or the like; it was not published
user 17|Ann Lee (given Ann, family Lee)|ann@example.org|||login_id=ann|short_name=Ann|sortable_name=Lee, Ann|status=active
Nothing to do.
cognito.csv: archived, csv, utf-8, ","
1 rows, 1 published, 0 refused, 0 blank
column cognito:username: attribute
column name: name
column given_name: first_name
column family_name: last_name
column nickname: attribute
column preferred_username: attribute
column email: email
column email_verified: attribute
column locale: locale
column phone_number: phone
column phone_number_verified: attribute
user (derived)|Ann Lee (given Ann, family Lee)|ann@example.org|+12125550123|en-US|cognito:username=17|email_verified=true|nickname=annie|phone_number_verified=true|preferred_username=ann
Nothing to do.
